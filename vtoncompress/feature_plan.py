"""Which features of reference pictures a metric will ask for, told by its config alone, and the stage that has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vtoncompress.hub_cache import hub_checkpoints
from vtoncompress.stage.definition import Config, Stage

OPTIONS = ("features", "inception_weights", "inception_dimension", "inception_resizing")
"""What chooses an extractor, by the names of :func:`vtoncompress.metric.distribution.choose_extractor`."""


def plan_features(
    metric: Config, make: str, pictures: Config, files: Sequence[Path] = (), passing: Mapping[str, Config] | None = None
) -> Stage | None:
    """The stage of the features of ``pictures``, keyed by what the files hold and not by where they lie.

    Args:
        metric: config of the metric that compares with them.
        make: function in :mod:`vtoncompress.stage.reference_features` that knows ``pictures``.
        pictures: what tells them, plain JSON.
        files: that hold them.
        passing: as of a stage.

    Returns:
        None where the metric looks through no extractor. Metrics with the same options share a stage.
    """
    if not metric.keys() >= {*OPTIONS}:
        return None
    options = {name: metric[name] for name in OPTIONS}
    weights = options.pop("inception_weights")
    # Weights that come into the cache later are other features.
    found = [] if options["features"] == "shipped" else sorted(hub_checkpoints().glob("pt_inception-*.pth"))
    looked_through = [Path(weights)] if weights else found
    return Stage(
        "reference_features", f"vtoncompress.stage.reference_features:{make}", {**pictures, "extractor": options},
        files=(*files, *looked_through),
        passing={**(passing or {}), "extractor": {"inception_weights": weights}},
    )  # fmt: skip


def plan_all(metrics: Mapping[str, Config], make: str, pictures: Config) -> tuple[Stage, ...]:
    """The different stages of :func:`plan_features` of several metrics, each once."""
    stages = [plan_features(metric, make, pictures) for metric in metrics.values()]
    return tuple({f"{stage.config} {stage.files}": stage for stage in stages if stage is not None}.values())
