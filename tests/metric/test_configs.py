"""Every metric's config: found by its file's name, merged by Hydra into one group, and built as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig

from vtoncompress.metric.base import PictureMetric, SubjectMetric

CONF = Path(__file__).parents[2] / "conf"
NAMES = sorted(path.stem for path in (CONF / "metric").glob("*.yaml"))


def _build(metric: DictConfig) -> PictureMetric | SubjectMetric:
    """As the stages do: ``kind`` says which of them a metric belongs to and is none of its own options."""
    built: PictureMetric | SubjectMetric = instantiate({key: value for key, value in metric.items() if key != "kind"})
    return built


def test_several_are_chosen_at_once() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        chosen = compose(overrides=[f"+metric=[{','.join(NAMES)}]"]).metric
    assert sorted(chosen) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_is_built_and_names_its_columns(name: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        metric = _build(compose(overrides=[f"+metric=[{name}]"]).metric[name])
    assert isinstance(metric, PictureMetric | SubjectMetric)
    assert type(metric).__module__ == f"vtoncompress.metric.{name}"
    assert metric.columns


def test_no_two_metrics_share_a_column() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        metrics = compose(overrides=[f"+metric=[{','.join(NAMES)}]"]).metric
    columns = [column for metric in metrics.values() for column in _build(metric).columns]
    assert len(columns) == len(set(columns))
