"""What counts as a change of code, and what as an import."""

import subprocess
import sys
import textwrap
from collections.abc import Callable
from importlib import metadata
from itertools import count
from pathlib import Path

import pytest

from vtoncompress import fingerprint

REPOSITORY = fingerprint.PACKAGE.parent
STAGE = '''\
"""A stage."""

from toy.helper import double


def run(x: int) -> int:
    """Twice."""
    return double(x)  # a comment
'''
HELPER = "def double(x):\n    return 2 * x\n"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a package named toy into a folder of its own and returns it."""
    numbers = count()

    def package(**files: str) -> Path:
        folder = tmp_path / str(next(numbers)) / "toy"
        for name, text in {"__init__": "", **files}.items():
            path = folder / f"{name.replace('__of__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return folder

    return package


def modules(package: Path, *names: str) -> set[str]:
    return set(fingerprint.module_hashes(names or ["toy.stage"], package)) - {"toy"}


@pytest.mark.parametrize(
    "old, new",
    [
        ('"""A stage."""', '"""Another text."""'),
        ('"""A stage."""\n', ""),
        ('    """Twice."""\n', ""),
        ("  # a comment", ""),
        ("return double(x)", "return double(\n        x,\n    )"),
        ("\n\ndef", '\n\n__version__ = "9"\n\n\ndef'),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(write: Write, old: str, new: str) -> None:
    assert old in STAGE
    before = write(stage=STAGE, helper=HELPER)
    after = write(stage=STAGE.replace(old, new), helper=HELPER)
    assert fingerprint.code_hash(["toy.stage"], before) == fingerprint.code_hash(["toy.stage"], after)


@pytest.mark.parametrize(
    "changed",
    [
        {"stage": STAGE.replace("double(x)", "double(x) + 1")},
        {"stage": STAGE.replace("double(x)", "double('x')")},
        {"helper": HELPER.replace("2", "3")},
        {"__init__": "import os\nos.environ['A'] = 'b'\n"},
    ],
)
def test_a_change_of_code_counts(write: Write, changed: dict[str, str]) -> None:
    files = {"stage": STAGE, "helper": HELPER}
    before, after = write(**files), write(**{**files, **changed})
    assert fingerprint.code_hash(["toy.stage"], before) != fingerprint.code_hash(["toy.stage"], after)


def test_only_imported_modules_count(write: Write) -> None:
    before = write(stage=STAGE, helper=HELPER, other="X = 1")
    after = write(stage=STAGE, helper=HELPER, other="X = 2")
    assert fingerprint.code_hash(["toy.stage"], before) == fingerprint.code_hash(["toy.stage"], after)
    named = ["toy.stage", "toy.other"]
    assert fingerprint.code_hash(named, before) != fingerprint.code_hash(named, after)
    assert fingerprint.code_hash(named, before) == fingerprint.code_hash(named[::-1], before)


@pytest.mark.parametrize(
    "line, expected",
    [
        ("import toy.sub.deep", {"toy.sub", "toy.sub.deep"}),
        ("import os, toy.helper as h", {"toy.helper"}),
        ("from toy import helper", {"toy.helper"}),
        ("from toy.sub import deep", {"toy.sub", "toy.sub.deep"}),
        ("from toy.sub.deep import X", {"toy.sub", "toy.sub.deep"}),
        ("from toy.sub import Y", {"toy.sub"}),
        ("from . import helper", {"toy.helper"}),
        ("from .sub.deep import X", {"toy.sub", "toy.sub.deep"}),
        ("from toy.sub import up", {"toy.sub", "toy.sub.up", "toy.helper"}),
        ("from toy.facade import deep", {"toy.facade", "toy.facade.inner"}),
        ("from toy.bare import leaf", {"toy.bare", "toy.bare.leaf"}),
        ("from toy.ring import X", {"toy.ring", "toy.stage"}),
        ("def f():\n    from toy import helper", {"toy.helper"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toy import helper", set()),
        (
            "import typing\nif typing.TYPE_CHECKING:\n    from toy import helper\nelse:\n    import toy.ring",
            {"toy.ring"},
        ),
        ("import toyshop, json", set()),
    ],
)
def test_imports(write: Write, line: str, expected: set[str]) -> None:
    package = write(
        stage=line,
        helper=HELPER,
        ring="import toy.stage\nX = 1",
        sub__of____init__="Y = 1",
        sub__of__deep="X = 1",
        sub__of__up="from .. import helper\nfrom ..helper import double",
        facade__of____init__="from .inner import deep",
        facade__of__inner="deep = 1",
        bare__of__leaf="",
    )
    assert modules(package) == expected | {"toy.stage"}


@pytest.mark.parametrize(
    "line, expected",
    [
        ("import torch", {"torch"}),
        ("def f():\n    import torch_pruning.utils as tp", {"torch-pruning"}),
        ("from PIL.Image import open", {"pillow"}),
        ("from toy import helper", {"scipy"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch", set()),
        ("import filelock, json, torchish\nfrom .torch import X", set()),
    ],
)
def test_libraries_of_the_modules_and_of_those_that_they_import(write: Write, line: str, expected: set[str]) -> None:
    package = write(stage=line, helper="from scipy import linalg", torch="X = 1")
    found = fingerprint.libraries(["toy.stage"], package)
    assert found == {name: metadata.version(name) for name in expected}


@pytest.mark.parametrize("name", ["toy.nothing", "toy.stage.nothing", "torch", "toy..stage", "toy.stage.Class", ""])
def test_a_module_that_does_not_exist(write: Write, name: str) -> None:
    with pytest.raises(ValueError, match=f"no module {name} in toy"):
        fingerprint.code_hash([name], write(stage="X = 1"))


@pytest.mark.parametrize("line", ["import toy.nothing", "from toy.nothing import X", "from .... import nothing"])
def test_an_import_that_does_not_exist_names_the_importer(write: Write, line: str) -> None:
    with pytest.raises(ValueError, match=r"no module .*toy\.stage imports it"):
        fingerprint.code_hash(["toy.stage"], write(stage=line))


def test_nothing_is_run(write: Write) -> None:
    fingerprint.code_hash(["toy.stage"], write(stage="raise SystemExit(3)"))


def test_a_process_reads_a_module_once(write: Write) -> None:
    package = write(stage="X = 1")
    first = fingerprint.code_hash(["toy.stage"], package)
    (package / "stage.py").write_text("X = 2")
    assert fingerprint.code_hash(["toy.stage"], package) == first


def test_every_module_of_this_package_can_be_hashed() -> None:
    # A module that another one names and that is not there would raise.
    paths = [path.relative_to(REPOSITORY).with_suffix("") for path in fingerprint.PACKAGE.rglob("*.py")]
    names = [".".join(path.parts).removesuffix(".__init__") for path in paths]
    assert set(fingerprint.module_hashes(names)) >= set(names)


def test_it_is_light_to_import() -> None:
    script = "import sys, vtoncompress.store; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", script], cwd=REPOSITORY, text=True).split()
    assert not {"torch", "numpy", "hydra"} & set(loaded)


def test_file_hash(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert fingerprint.file_hash(tmp_path / "file").startswith("ba7816bf8f01cfea")


def test_a_known_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def file_hash(path: Path) -> str:
        read.append(path.name)
        return path.read_text()

    monkeypatch.setattr(fingerprint, "file_hash", file_hash)
    (tmp_path / "building").write_text("one")
    assert fingerprint.known_hash(tmp_path / "building") == "one"
    finished = (tmp_path / "building").rename(tmp_path / "finished")
    assert fingerprint.known_hash(finished) == "one"
    assert read == ["building"]
    finished.write_text("other")
    assert fingerprint.known_hash(finished) == "other"


def test_what_another_process_has_parsed_is_taken_over_unless_the_file_has_changed(
    write: Write,
) -> None:
    package = write(stage="X = 1", other="Y = 1")
    fingerprint.code_hash(["toy.stage", "toy.other"], package)
    known = [[source, "0" * 64, *rest] for source, _, *rest in fingerprint.parsed() if source[2] == str(package)]
    (package / "other.py").write_text("Y = 1  # longer")
    fingerprint._parse.cache_clear()
    fingerprint._reached.cache_clear()
    fingerprint.adopt(known)
    hashes = fingerprint.module_hashes(["toy.stage", "toy.other"], package)
    assert hashes["toy.stage"] == "0" * 64
    assert hashes["toy.other"] != "0" * 64


def test_modules_whose_code_is_no_more_what_was_read_are_told(write: Write) -> None:
    package = write(stage="from toy import other\nX = 1", other="Y = 1", third="Z = 1")
    fingerprint.code_hash(["toy.stage", "toy.third"], package)
    assert fingerprint.changed(["toy.stage", "toy.third"], package) == []
    (package / "other.py").write_text("Y = 1  # only a comment")
    assert fingerprint.changed(["toy.stage", "toy.third"], package) == []
    (package / "other.py").write_text("Y = 22")
    assert fingerprint.changed(["toy.stage"], package) == ["toy.other"]
    assert fingerprint.changed(["toy.third"], package) == []
    (package / "other.py").write_text("Y = 1")
    assert fingerprint.changed(["toy.stage"], package) == []


def test_what_prunes_is_tied_to_no_runtime_and_no_clock_and_what_trains_to_no_bar() -> None:
    """Their code may change while networks of many hours stay."""
    pruned = fingerprint.module_hashes(["vtoncompress.stage.pruning"])
    others = ("latency.", "export.", "sampling.", "record", "affinity", "progress")
    assert not [name for name in pruned if name.removeprefix("vtoncompress.").startswith(others)]
    trained = fingerprint.module_hashes(["vtoncompress.stage.finetuning", "vtoncompress.finetuning.supervised"])
    assert "vtoncompress.finetuning.loop" in trained
    assert not trained.keys() & fingerprint.ONLY_TELLS
