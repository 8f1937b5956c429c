"""Which network teaches, told without loading it."""

from __future__ import annotations

from vtoncompress.shipped import checkpoint_folder

DENSE = "dense"
"""As ``finetuning.teacher``: the network of the same variant before pruning."""
NO_DENSE = (
    f"finetuning.teacher={DENSE}, but without pruning there is no other network to learn from: set finetuning.teacher "
    "to a checkpoint's folder or the name of shipped weights"
)


def check_teacher(name: str | None) -> None:
    """ValueError where ``name`` is neither ``dense`` nor anything that :func:`checkpoint_folder` finds."""
    if name is None:
        raise ValueError(
            f"finetuning.teacher=null, but distillation learns from one: give {DENSE} (the network before pruning), a "
            "checkpoint's folder or the name of shipped weights"
        )
    if name != DENSE:
        checkpoint_folder(name)
