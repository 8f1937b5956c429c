"""Hashes of what a stage is made of: the code that runs it, the libraries under it and the files it reads.

A module's hash is that of its syntax tree, so that comments, docstrings and layout may change without a stage being
built again. It is found by reading files, never by importing: hashing a stage of torch code needs no torch.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from vtoncompress.environment import library_of, library_version

PACKAGE = Path(__file__).resolve().parent
ONLY_TELLS = frozenset({"vtoncompress.progress", "vtoncompress.finetuning.tracking"})
"""Modules that say how far a stage is and decide nothing of its result, which is not built again when they change."""


def code_hash(modules: Iterable[str], package: Path | None = None) -> str:
    """One hash, 64 hex digits, of what :func:`module_hashes` finds; arguments and errors are the same."""
    return hashlib.sha256(json.dumps(module_hashes(modules, package), sort_keys=True).encode()).hexdigest()


def module_hashes(modules: Iterable[str], package: Path | None = None) -> dict[str, str]:
    """The named modules and, transitively, those of the same package that they import, each with its hash.

    An import counts wherever it stands, in a function too, except under ``if TYPE_CHECKING:`` and for what is in
    :data:`ONLY_TELLS`. A package stands for
    its ``__init__.py`` alone. What is imported by a name made up at run time is not seen: name it in ``modules``.

    Args:
        modules: full names, such as ``vtoncompress.pruning.one_shot``.
        package: the package's folder; that of vtoncompress if not given.

    Returns:
        {module: 64 hex digits}, sorted by name.

    Raises:
        ValueError: a module does not exist, or one of them imports one that does not.
    """
    return {name: known.digest for name, known in _reached(_names(modules), package or PACKAGE).items()}


def libraries(modules: Iterable[str], package: Path | None = None) -> dict[str, str]:
    """The installed libraries that the modules of :func:`module_hashes` import themselves, each with its version.

    Those of :data:`vtoncompress.environment.LIBRARIES`: others change no number. Arguments and errors are the same.
    """
    reached = _reached(_names(modules), package or PACKAGE).values()
    names = sorted({name for known in reached for name in known.libraries})
    return {name: version for name in names if (version := library_version(name))}


def _names(modules: Iterable[str]) -> tuple[str, ...]:
    assert not isinstance(modules, str), "module names come in a list"
    return (*modules,)


@functools.cache
def _reached(modules: tuple[str, ...], folder: Path) -> Mapping[str, _Known]:
    """Kept, for the stages of a sweep's variants are made of the same few sets of modules."""
    waiting = [(name, "") for name in modules]
    found: dict[str, _Known] = {}
    while waiting:
        name, importer = waiting.pop()
        if name not in found:
            found[name] = _read(name, importer, folder)
            waiting.extend((imported, name) for imported in found[name].imports if imported not in ONLY_TELLS)
    return dict(sorted(found.items()))


def changed(modules: Iterable[str], package: Path | None = None) -> list[str]:
    """Those of :func:`module_hashes` whose files are no more what this process, or whom it adopted from, has read."""
    folder = package or PACKAGE
    hashes = module_hashes(modules, folder)
    return [name for name, digest in hashes.items() if not _is_still(name, digest, folder)]


def _is_still(name: str, digest: str, package: Path) -> bool:
    path = _find(name, package)
    return path is not None and _parse_now(name, path, package).digest == digest


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits: the name of an input that no stage has built."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_hash(path: Path) -> str:
    """:func:`file_hash`, for which a process reads a file once as long as its size and time of change stay.

    Also under another name, which is what a finished artifact gets.
    """
    found = path.stat()
    identity = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    if identity not in _HASHES:
        _HASHES[identity] = file_hash(path)
    return _HASHES[identity]


_HASHES: dict[tuple[int, int, int, int], str] = {}


def files_hash(paths: Iterable[Path]) -> str:
    """One hash, 64 hex digits, of the names and contents of many files, see :func:`known_hash`."""
    content = [[path.name, known_hash(path)] for path in paths]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _read(name: str, importer: str, package: Path) -> _Known:
    path = _find(name, package)
    if path is None:
        reason = f"{importer} imports it" if importer else f"looked in {package}"
        raise ValueError(f"no module {name} in {package.name} ({reason}): correct the name")
    return _parse(name, path, package)


def read_tree(module: str) -> ast.Module:
    """The syntax tree of a module of the package. ValueError where there is none."""
    path = _find(module, PACKAGE)
    if path is None or path.is_dir():
        raise ValueError(f"no module {module} in {PACKAGE.name}: correct the name")
    return ast.parse(path.read_bytes(), filename=str(path))


@dataclass(frozen=True)
class _Source:
    """A module's file as it is now: another size or time is another source."""

    name: str
    path: str
    package: str
    size: int
    changed: int


@dataclass(frozen=True)
class _Known:
    """What is known of a source: the hash of what it does, modules of its package and libraries that it imports."""

    digest: str
    imports: frozenset[str]
    libraries: frozenset[str]


_PARSED: dict[_Source, _Known] = {}
"""Kept because every variant of a sweep asks for the same modules."""


def parsed() -> list[Any]:
    """What this process knows of sources, as JSON, for :func:`adopt`."""
    return [
        [[*astuple(source)], known.digest, sorted(known.imports), sorted(known.libraries)]
        for source, known in _PARSED.items()
    ]


def adopt(known: Iterable[Any]) -> None:
    """Take over what another process has :func:`parsed`; a file that has changed since is parsed again."""
    _PARSED.update(
        (_Source(*source), _Known(digest, frozenset(imports), frozenset(used)))
        for source, digest, imports, used in known
    )


def _source(name: str, path: Path, package: Path) -> _Source:
    found = path.stat()
    return _Source(name, str(path), str(package), found.st_size, found.st_mtime_ns)


def _parse_now(name: str, path: Path, package: Path) -> _Known:
    """Of a module as its file is now."""
    source = _source(name, path, package)
    if source not in _PARSED:
        # A folder without __init__.py can be imported too, and then has no code.
        tree = _Executed().visit(ast.parse(b"" if path.is_dir() else path.read_bytes(), filename=str(path)))
        digest = hashlib.sha256(ast.dump(tree, annotate_fields=False).encode()).hexdigest()
        parent = name.rpartition(".")[0]
        inside = name if path.is_dir() or path.name == "__init__.py" else parent
        imports = set(_imports(tree, inside, package))
        if parent:
            imports.add(parent)  # Python runs a package's __init__ before any of its modules
        used = {library for module in _imported(tree) if (library := library_of(module))}
        _PARSED[source] = _Known(digest, frozenset(imports), frozenset(used))
    return _PARSED[source]


# A process plans with the code as it was when first asked for; `changed` tells whether it still is.
_parse = functools.cache(_parse_now)


def _imports(tree: ast.AST, inside: str, package: Path) -> Iterator[str]:
    """Full names of the imported modules of the package; relative imports start from the package ``inside``."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names if _belongs(alias.name, package))
            case ast.ImportFrom(module=module, names=names, level=level):
                above = inside.split(".")
                parts = above[: max(0, len(above) - level + 1)] if level else []
                base = ".".join([*parts, *([module] if module else [])])
                if _belongs(base, package) or level:
                    yield base
                    # A name may be a submodule or something that the module defines; only files tell.
                    submodules = (f"{base}.{alias.name}" for alias in names)
                    yield from (name for name in submodules if _find(name, package) is not None)


def _imported(tree: ast.AST) -> Iterator[str]:
    """Full names of what is imported, but for relative imports."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module


def _belongs(name: str, package: Path) -> bool:
    return name.partition(".")[0] == package.name


def _find(name: str, package: Path) -> Path | None:
    """The file of a module, or the folder of a package without ``__init__.py``; None where there is neither."""
    if not _belongs(name, package) or not all(part.isidentifier() for part in name.split(".")):
        return None
    folder = package.joinpath(*name.split(".")[1:])
    files = [folder / "__init__.py", folder.with_name(f"{folder.name}.py")]
    return next((path for path in files if path.is_file()), folder if folder.is_dir() else None)


class _Executed(ast.NodeTransformer):
    """Leaves only what can change a result."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Without docstrings, and without the strings that describe attributes."""
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """Without what only a type checker reads."""
        self.generic_visit(node)
        return node.orelse if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING") else node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        """Without the version: a release alone must not throw away what was trained."""
        is_version = [ast.unparse(target) for target in node.targets] == ["__version__"]
        return None if is_version else self.generic_visit(node)
