"""Configs that are read once compose to the same for every job of a sweep."""

from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from tests.conftest import ROOT
from vtoncompress.config_repository import OnceReadRepository

JOBS = [
    ["pruning=one_shot", "pruning.ratio=0.3"],
    ["experiment=quickstart", "seed=2"],
    ["model=cat_vton_small", "quantization=nncf_ptq"],
    ["pruning=one_shot", "pruning.ratio=0.3"],
    ["hydra/launcher=joblib", "hydra/job_logging=disabled"],
]


def loader(conf: Path) -> ConfigLoaderImpl:
    Plugins.instance()  # which register the kinds of sources
    search_path = ConfigSearchPathImpl()
    for provider, path in (("hydra", "pkg://hydra.conf"), ("main", str(conf)), ("schema", "structured://")):
        search_path.append(provider, path)
    return ConfigLoaderImpl(search_path)


def once_read(conf: Path) -> ConfigLoaderImpl:
    made = loader(conf)
    made.repository = OnceReadRepository(made.config_search_path)
    return made


def composed(loader: ConfigLoaderImpl, overrides: list[str]) -> DictConfig:
    return loader.load_configuration("config", overrides, RunMode.RUN)


def text(config: DictConfig) -> str:
    return OmegaConf.to_yaml(config)


def test_every_job_composes_to_what_it_does_alone() -> None:
    shared = once_read(ROOT / "conf")
    for job in JOBS:
        assert text(composed(shared, job)) == text(composed(loader(ROOT / "conf"), job))


def test_no_file_is_read_twice_and_none_that_changed_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    load = ConfigRepository.load_config

    def count(self: ConfigRepository, config_path: str) -> object:
        read.append(config_path)
        return load(self, config_path)

    monkeypatch.setattr(ConfigRepository, "load_config", count)
    file = tmp_path / "config.yaml"
    file.write_text("ratio: 0.1\nkept: {of: [job]}\n")
    shared = once_read(tmp_path)
    first = composed(shared, ["ratio=0.2", "kept.of=[other]"])
    file.write_text("ratio: 0.9\n")
    second = composed(shared, [])
    assert (first.ratio, first.kept.of) == (0.2, ["other"])
    assert (second.ratio, second.kept.of) == (0.1, ["job"])
    assert len(read) == len({*read})


def test_a_job_with_a_search_path_of_its_own_finds_what_is_there(tmp_path: Path) -> None:
    for folder, ratio in (("here", 0.1), ("there", 0.2)):
        (tmp_path / folder / "group").mkdir(parents=True)
        (tmp_path / folder / "group" / f"{folder}.yaml").write_text(f"ratio: {ratio}\n")
    (tmp_path / "here" / "config.yaml").write_text("defaults: [group: here]\n")
    shared = once_read(tmp_path / "here")
    assert composed(shared, []).group.ratio == 0.1
    there = ["group=there", f"hydra.searchpath=[{tmp_path / 'there'}]"]
    assert composed(shared, there).group.ratio == 0.2
    assert composed(shared, []).group.ratio == 0.1
