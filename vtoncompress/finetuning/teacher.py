"""The network that a student learns from."""

from __future__ import annotations

from vtoncompress import checkpoint
from vtoncompress.finetuning.teacher_choice import DENSE, NO_DENSE
from vtoncompress.model.base import TryOnModel
from vtoncompress.shipped import checkpoint_folder


def open_teacher(name: str, student: TryOnModel, dense: TryOnModel | None) -> TryOnModel:
    """The teacher that ``finetuning.teacher`` names.

    Args:
        name: ``dense``, a checkpoint's folder or the name of shipped weights.
        student: who learns.
        dense: the network before pruning, where there is one.

    Raises:
        ValueError: there is no teacher, or it is another kind of network than the student.
    """
    teacher = dense if name == DENSE else checkpoint.load(checkpoint_folder(name))
    if teacher is None:
        raise ValueError(NO_DENSE)
    if type(teacher) is not type(student) or teacher.size != student.size:
        raise ValueError(
            f"finetuning.teacher={name} is a {type(teacher).__name__} of size {list(teacher.size)} and its student a "
            f"{type(student).__name__} of size {list(student.size)}: both must be the same"
        )
    return teacher
