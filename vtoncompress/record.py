"""Record: one row of a table, with what is needed to trust its numbers. JSON on disk, the whole file or none."""

from __future__ import annotations

import json
import math
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any, Literal

FOLDER = "records"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=-]{0,119}")
ROOT = Path(__file__).resolve().parents[1]
# An absolute path within a sentence or a traceback; its last part is kept.
PATH_IN_TEXT = re.compile(r"""(?:file://|(?<![\w./]))/(?:[^\s/"':;,()]+/)+([^\s/"':;,()]*)""")
NUMBERS_ON_LINES = re.compile(r"\[\n([-+\d.eE,\s]+)\]")
# Columns that depend on which pictures were looked at, and by what.
QUALITY = frozenset(
    (
        "fid", "fid_shipped", "fid_stand_in", "kid", "kid_shipped", "kid_stand_in", "ssim", "lpips", "psnr", "l1",
        "ssim_garment", "l1_garment", "flow_error_px",
    )
)  # fmt: skip

# Of a record's trust: what must be equal, beside the fields of its metrics, for two quality figures to be compared.
FIELDS = ("pair_list_hash", "pairing", "picture_size", "picture_resizing", "encoding", "repaint")


@dataclass
class Record:
    """What one variant cost and gave.

    Attributes:
        variant: unique in an experiment, usable as a file name.
        role: ``reference`` (person unchanged, garment pasted), ``oracle`` (true flow) or ``variant``, which rows count.
        model, data, protocol, scope, criterion, pruning, finetuning, quantization, quantization_scope, sampling,
            runtime: names of the choices; empty where a row has none.
        pruning_ratio: the ratio asked for, 0..1; None where a row has none.
        seed, pairs: of the run; number of test pairs.
        status: ``done`` or ``failed``.
        reason: why it failed, in one line.
        traceback: where it failed.
        values: column -> finite number; units are in the names.
        missing: column -> why there is no number.
        trust: ``config`` (resolved), ``weights`` (in words, a checkpoint's with its SHA-256's first digits; begins with
            "random" where nothing was trained), ``pair_list_hash``, ``picture_size`` ([height, width]), ``metrics``
            (protocol fields by metric), ``runtime`` (what the runtime says of itself), and
            :func:`vtoncompress.environment.environment`'s.
        details: anything else worth keeping: raw samples, costs of the parts, the ratio reached.
        stages: keys in the store of the stages it was made of.
        order: place in the experiment.
    """

    variant: str
    role: Literal["variant", "reference", "oracle"] = "variant"
    model: str = ""
    data: str = ""
    protocol: str = ""
    scope: str = ""
    criterion: str = ""
    pruning: str = ""
    pruning_ratio: float | None = None
    finetuning: str = ""
    quantization: str = ""
    quantization_scope: str = ""
    sampling: str = ""
    runtime: str = ""
    seed: int | None = None
    pairs: int | None = None
    status: Literal["done", "failed"] = "done"
    reason: str = ""
    traceback: str = ""
    values: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    trust: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)
    order: int = 0

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.variant):
            raise ValueError(
                f"variant {self.variant!r} can't name a file: use up to 120 letters, digits and . _ + = -, beginning "
                "with a letter or digit"
            )
        if self.role not in ("variant", "reference", "oracle") or self.status not in ("done", "failed"):
            raise ValueError(f"variant {self.variant} has an unknown role or status: {self.role!r}, {self.status!r}")
        if not all(isinstance(part, dict) for part in (self.values, self.missing, self.trust, self.details)):
            raise ValueError(f"variant {self.variant}: values, missing, trust and details must be mappings")


def write(record: Record, folder: Path) -> Path:
    """Write ``folder``/records/<variant>.json and return its path.

    What comes out is fit to be committed: absolute paths lose the folders that are this machine's own. A number that
    is not finite becomes a missing one, with what it was as the reason.
    """
    fields = asdict(record)
    broken = {name: f"came out as {value}" for name, value in record.values.items() if not math.isfinite(value)}
    fields["values"] = {name: value for name, value in record.values.items() if name not in broken}
    fields["missing"] = record.missing | broken
    fields["reason"] = " ".join(record.reason.split())
    text = json.dumps(_portable(fields), indent=1, ensure_ascii=False, allow_nan=False)
    # A list of hundred latencies is one line, not hundred.
    text = NUMBERS_ON_LINES.sub(lambda match: "[" + " ".join(match[1].split()) + "]", text)
    path = folder / FOLDER / f"{record.variant}.json"
    write_text(path, text + "\n")
    return path


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file, whole or not at all, making its folder. OSError where that can't be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of two hosts that share the folder each may have a process of this number.
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def read(path: Path) -> Record:
    """The record in a file. ValueError, naming the file, where it is damaged."""
    try:
        record = Record(**json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant))
        if record.variant != path.stem:
            raise ValueError(f"it describes {record.variant}")
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it and run its experiment again") from error
    return record


def read_all(folder: Path) -> list[Record]:
    """The records of an experiment's results folder, by their order, then name; none where there is no folder.

    References and oracles of pairs that no variant was measured on are left out: they frame nothing.

    Raises:
        ValueError: a damaged record.
    """
    records = [read(path) for path in (folder / FOLDER).glob("[!.]*.json")]
    framed = {_pair_list(record) for record in records if record.role == "variant"}
    shown = [record for record in records if record.role == "variant" or _pair_list(record) in framed]
    return sorted(shown, key=lambda record: (record.order, record.variant))


def _pair_list(record: Record) -> tuple[Any, ...]:
    return record.data, record.pairs, record.trust.get("pair_list_hash")


def machine_of(record: Record) -> tuple[object, ...]:
    """What times of one machine share: processor, instruction set and threads. A processor's name alone says little."""
    told = record.trust
    return told.get("cpu"), tuple(told.get("instruction_set", ())), told.get("threads_available")


def check_comparable(records: Sequence[Record]) -> None:
    """Refuse records whose quality figures mustn't stand in one column.

    Raises:
        ValueError: naming the field of the protocol that differs, and its values.
    """
    common: dict[str, tuple[Any, str]] = {}
    for record in records:
        for name, value in _protocol(record).items():
            known, other = common.setdefault(name, (value, record.variant))
            if known != value:
                raise ValueError(_differs(other, record.variant, name, known, value))


def check_same_protocol(first: Record, second: Record) -> None:
    """Refuse as :func:`check_comparable` does, whether or not a quality figure is there already; what only one of them
    knows is no difference.

    Raises:
        ValueError: naming the field that differs.
    """
    one, other = _fields(first), _fields(second)
    for name in one.keys() & other.keys():
        if one[name] != other[name]:
            raise ValueError(_differs(first.variant, second.variant, name, one[name], other[name]))


def split_by_protocol(records: Sequence[Record]) -> list[list[Record]]:
    """The records, in order, in groups that :func:`check_comparable` accepts."""
    groups: list[tuple[dict[str, Any], list[Record]]] = []
    # The measured ones first: what failed or has cost only knows less of its protocol and joins the others.
    for record in sorted(records, key=lambda one: -len(_protocol(one))):
        mine = _protocol(record)
        open_to_it = [one for one in groups if all(one[0].get(name, value) == value for name, value in mine.items())]
        if not open_to_it:
            groups.append((dict(mine), [record]))
            continue
        alike = [one for one in open_to_it if record.pairs is not None and one[1][0].pairs == record.pairs]
        theirs, group = (alike or open_to_it)[0]
        theirs.update(mine)
        group.append(record)
    place = {id(record): index for index, record in enumerate(records)}
    ordered = [sorted(group, key=lambda one: place[id(one)]) for _, group in groups]
    return sorted(ordered, key=lambda group: place[id(group[0])])


def _differs(first: str, second: str, name: str, one: Any, other: Any) -> str:
    return (
        f"{first} and {second} can't be compared: {name} is {one} for the one and {other} for the other; tabulate them "
        "apart or measure one again"
    )


def _protocol(record: Record) -> dict[str, Any]:
    """What must be equal where two records share a quality column; just the name where there is no such figure."""
    if QUALITY & record.values.keys():
        return _fields(record)
    return {"protocol": record.protocol} if record.protocol else {}


def _fields(record: Record) -> dict[str, Any]:
    """All that is known of a record's protocol, what matters most first."""
    fields: dict[str, Any] = {"protocol": record.protocol} if record.protocol else {}
    fields |= {"pairs": record.pairs}
    fields |= {name: record.trust[name] for name in FIELDS if name in record.trust}
    return fields | metric_fields(record)


def metric_fields(record: Record) -> dict[str, Any]:
    """The protocol fields of all metrics; their names begin with the metric's."""
    return {name: value for protocol in record.trust.get("metrics", {}).values() for name, value in protocol.items()}


def _portable(value: Any) -> Any:
    """JSON values only: numpy's numbers as Python's, what is not finite as None, no path of this machine."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _portable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_portable(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (str, PurePath)):
        return _without_folders(str(value))
    return value


def _without_folders(text: str) -> str:
    if "\\" in text and PureWindowsPath(text).is_absolute():
        return PureWindowsPath(text).name
    # A sentence may begin with a path; one with ": " in it is taken for a sentence.
    if PurePath(text).is_absolute() and not re.search(r"\n|: ", text):
        return PurePath(text).name
    # In a traceback of ours the path within the repository says more than a file's name.
    return PATH_IN_TEXT.sub(r"\1", text.replace(f"{ROOT}{os.sep}", ""))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
