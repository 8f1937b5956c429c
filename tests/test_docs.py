"""Every command that the README and the docs show is one that the runners take."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from tests.conftest import ROOT

CONFIGS = {
    "run": "config", "train": "train", "try_on": "try_on", "export": "delivery", "store": "store", "search": "search",
    "train_features": "train_features", "sensitivity": "sensitivity", "train_stages": "train_stages",
    "quantization_sensitivity": "quantization_sensitivity",
    "write_viton": "write_viton", "write_dataset": "write_dataset",
    "write_weights": "write_weights", "check_dataset": "check_dataset",
    "evaluate": "evaluate", "benchmark_fid": "benchmark_fid", "benchmark_correlation": "benchmark_correlation",
    "demo": "demo", "measure_latency": "measure_latency",
}  # fmt: skip
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"python experiments/(\w+)\.py(.*)")


def commands() -> Iterator[tuple[str, str, str]]:
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))):
        for block in BLOCK.findall(path.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                if found := COMMAND.search(line.split(" # ")[0]):
                    yield path.name, found[1], found[2]


def test_the_documents_show_commands() -> None:
    assert {name for _, name, _ in commands()} >= {"run", "train", "try_on", "export", "store", "search"}


@pytest.mark.parametrize("document, runner, arguments", [*commands()])
def test_a_command_composes(document: str, runner: str, arguments: str) -> None:
    assert (ROOT / "experiments" / f"{runner}.py").is_file()
    words = shlex.split(arguments)
    told = [word for word in words if "=" in word and not word.startswith("+recipes")]
    options = OverridesParser.create().parse_overrides(told)
    if runner not in CONFIGS:  # those read a config of their own, without groups
        known = OmegaConf.load(ROOT / "conf" / f"{runner}.yaml")
        assert {option.get_key_element() for option in options} <= {*known}
        return
    first = [
        f"{option.get_key_element()}={next(iter(option.sweep_string_iterator()))}"
        if option.is_sweep_override()
        else option.input_line
        for option in options
    ]
    if "--config-dir" in words:
        first.append(f"hydra.searchpath=[file://{ROOT / words[words.index('--config-dir') + 1]}]")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        assert compose(CONFIGS[runner], [one for one in first if one is not None])


def test_diffs_are_those_of_the_files() -> None:
    text = (ROOT / "docs" / "extending.md").read_text()
    files = re.findall(r"^\+\+\+ b/(\S+)\n@@ -0,0 \+1,(\d+) @@\n((?:\+.*\n)+?)(?=---|```)", text, re.MULTILINE)
    groups = {Path(name).parts[1] for name, *_ in files}
    assert groups == {"criterion", "quantization", "metric", "model"}
    for name, lines, added in files:
        assert [line[1:] for line in added.splitlines()] == (ROOT / name).read_text().splitlines(), name
        assert added.count("\n") == int(lines)


def test_documents_link_to_files_that_exist() -> None:
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / Path(target)).exists(), f"{path.name} links to {target}"
