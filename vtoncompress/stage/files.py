"""What a stage depends on beside its config and its inputs: files, by where they are or by what is in them."""

from __future__ import annotations

from pathlib import Path

from vtoncompress import fingerprint
from vtoncompress.finetuning.teacher_choice import DENSE
from vtoncompress.hub_cache import hub_checkpoints
from vtoncompress.model.perceptual_weights import find_vgg19, is_needed
from vtoncompress.options import built
from vtoncompress.shipped import checkpoint_folder
from vtoncompress.stage.definition import Config
from vtoncompress.stage.published import official_files

SHIPPED = Path(__file__).parents[1] / "metric" / "weights"


def contents(name: str, data: Config) -> dict[str, str]:
    """The contents of a data set that is read and not drawn."""
    paths = built(data).files()
    return {name: fingerprint.files_hash(paths)} if paths else {}


def perceptual_contents(finetuning: Config) -> dict[str, str]:
    """The weights through which a training's loss looks; those of the shipped network are known to the code."""
    if not is_needed(finetuning.get("loss", {})):
        return {}
    path = find_vgg19(**finetuning["perceptual"])
    return {} if path is None else {"perceptual_files": fingerprint.files_hash([path])}


def weight_files(model: Config) -> tuple[Path, ...]:
    """Those that a model begins with: its checkpoint's, or the official ones that were given."""
    if model["checkpoint"] is not None:
        return _checkpoint_files(model["checkpoint"])
    return tuple(sorted({path for paths in official_files(model).values() for path in paths}))


def teacher_files(finetuning: Config) -> tuple[Path, ...]:
    """Those of a teacher that is no stage of the variant."""
    teacher = finetuning.get("teacher")
    return () if teacher in (None, DENSE) else _checkpoint_files(teacher)


def feature_files(metrics: Config) -> tuple[Path, ...]:
    """Weights that picture metrics look through: shipped, given, or found in torch hub's cache."""
    options = ("inception_weights", "weights")
    given = {Path(metric[name]) for metric in metrics.values() for name in options if metric.get(name)}
    found = {*hub_checkpoints().glob("pt_inception-*.pth")}
    if any("network" in metric for metric in metrics.values()):  # LPIPS
        found |= {
            path for name in ("alexnet", "vgg16", "squeezenet1_1") for path in hub_checkpoints().glob(f"{name}-*")
        }
    return tuple(sorted({*SHIPPED.glob("*.safetensors"), *found, *given}))


def _checkpoint_files(source: str) -> tuple[Path, ...]:
    return tuple(sorted(path for path in checkpoint_folder(source).iterdir() if path.is_file()))
