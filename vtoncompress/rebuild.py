"""Why a stage would be built again: what its config, inputs, code, libraries and machine were, and what they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from hydra.errors import InstantiationException

from vtoncompress import errors
from vtoncompress.fingerprint import libraries, module_hashes
from vtoncompress.inventory import Item, items
from vtoncompress.pipeline import Config, Stage, plan, plan_ceiling, plan_reference
from vtoncompress.record import Record
from vtoncompress.reference import CEILING
from vtoncompress.store import KEY_DIGITS, Store
from vtoncompress.verification import find_faults

MACHINE = "machine."
SHOWN = 60


@dataclass(frozen=True)
class Explanation:
    """One stage of a variant.

    Attributes:
        stage: as it would be built now.
        cached: whether the store has it, so that it would not be.
        reasons: why it would be, one line each.
    """

    stage: Stage
    cached: bool
    reasons: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The stage, with the metrics that it measures, which tell those of one kind apart."""
        metrics = ", ".join(self.stage.config.get("metric", ()))
        return f"{self.stage.name} ({metrics})" if metrics else self.stage.name


def explain(stages: Sequence[Stage], recorded: Sequence[str], store: Store) -> list[Explanation]:
    """For each of ``stages`` whether the store has it and, if not, what changed since it was recorded.

    It is compared with the artifact that the record refers to; where that is gone, with the one in the store that
    differs least.

    Args:
        stages: as planned now.
        recorded: stage/key of those that a record was made of.
        store: this machine's.
    """
    there = {item.address: item for item in items(store)}
    return [_explain(stage, set(recorded), there) for stage in stages]


def stages_of(record: Record, config: Config) -> list[Stage]:
    """What a record would be made of now.

    Args:
        record: of a variant, or of a reference row.
        config: resolved, of the variant or of one beside the reference row.

    Raises:
        ValueError: a file that the config names is gone, or the config is that of another version.
    """
    try:
        if record.role == "variant":
            stages = list(plan(config).stages)
        else:
            # Such a row is named after its kind and its data.
            name = re.split("[-_]", record.variant)[0]
            reference = plan_ceiling(config) if name == CEILING.name else plan_reference(config, name)
            stages = [] if reference is None else [reference]
        for stage in stages:
            _ = stage.key  # hashes the files
    except KeyError as error:
        raise ValueError(
            f"{record.variant} can't be planned: its config has no {error}, run its experiment again"
        ) from error
    except InstantiationException as error:
        raise ValueError(f"{record.variant} can't be planned: {errors.explain(error) or error}") from error
    except OSError as error:
        raise ValueError(f"{record.variant} can't be planned: {error.filename}: {error.strerror}") from error
    return stages


def restore_paths(config: Config, recorded: Sequence[str], store: Store) -> Config:
    """A recorded config with its absolute paths, of which a record keeps the last part, as the manifests have them."""
    full: dict[tuple[str, str], set[str]] = {}
    for item in items(store):
        if item.address in recorded and item.manifest is not None:
            for name, value in _leaves(item.manifest.get("config", {})):
                if isinstance(value, str) and PurePath(value).is_absolute():
                    full.setdefault((name.rpartition(".")[2], PurePath(value).name), set()).add(value)

    def restore(value: Any, name: str) -> Any:
        if isinstance(value, Mapping):
            return {key: restore(inner, key) for key, inner in value.items()}
        candidates = full.get((name, value), set()) if isinstance(value, str) else set()
        return next(iter(candidates)) if len(candidates) == 1 else value

    restored: Config = restore(config, "")
    return restored


def _explain(stage: Stage, recorded: set[str], there: Mapping[str, Item]) -> Explanation:
    item = there.get(stage.address)
    if item is not None and item.whole:
        return Explanation(stage, cached=True)
    if item is not None:
        faults = find_faults(item.artifact) or ["it was just being built"]
        return Explanation(stage, False, [f"its artifact is damaged: {faults[0]}"])
    if stage.address in recorded:
        return Explanation(stage, False, ["nothing changed, but this store does not have it"])
    alike = [one for one in there.values() if _is_alike(one, stage)]
    nearest, known = _nearest([one for one in alike if one.address in recorded], stage), True
    if nearest is None:
        nearest, known = _nearest(alike, stage), False
    if nearest is None:
        return Explanation(
            stage, False, ["it was not built here, or is gone, and so is all that it could be compared with"]
        )
    note = [] if known else [f"the recorded artifact is gone; compared with the nearest, {nearest.address}:"]
    return Explanation(stage, False, note + differences(nearest.manifest or {}, stage))


def differences(manifest: Mapping[str, Any], stage: Stage) -> list[str]:
    """What is different between an artifact's manifest and the stage as it would be built now, one line each."""
    return [
        *_config_differences(manifest["config"], stage.config),
        *_code_differences(manifest["code"], module_hashes(stage.code)),
        *_library_differences(manifest.get("libraries", {}), libraries(stage.code)),
        *_input_differences(manifest["inputs"], stage),
    ]


def _config_differences(old: Config, new: Config) -> Iterator[str]:
    before, after = dict(_leaves(old)), dict(_leaves(new))
    for name in sorted(before.keys() | after.keys()):
        # As the key sees them: 1, 1.0 and True are three different values.
        was, now = (_show(values[name]) if name in values else None for values in (before, after))
        if was == now:
            continue
        label = f"machine: {name.removeprefix(MACHINE)}" if name.startswith(MACHINE) else f"config: {name}"
        if was is None:
            yield f"{label} is new: {_short(now)}"
        elif now is None:
            yield f"{label} is gone, was {_short(was)}"
        else:
            yield f"{label} {_short(was)} -> {_short(now)}"


def _code_differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for module in sorted(old.keys() | new.keys()):
        if module not in old:
            yield f"code: {module} is now imported"
        elif module not in new:
            yield f"code: {module} is no longer imported"
        elif old[module] != new[module]:
            yield f"code: {module} changed"


def _library_differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield f"library: {name} {old.get(name, 'not recorded')} -> {new.get(name, 'not used any more')}"


def _input_differences(old: Sequence[str], stage: Stage) -> Iterator[str]:
    keys, hashes = ([one for one in old if (len(one) == KEY_DIGITS) == is_key] for is_key in (True, False))
    for number, upstream in enumerate(stage.inputs):
        was = keys[number] if number < len(keys) else "nothing"
        if was != upstream.key:
            yield f"input: {upstream.name} is another, {was} -> {upstream.key}"
    for path, digest in zip(stage.files, stage.input_keys[len(stage.inputs) :], strict=True):
        if digest not in hashes:
            yield f"input: file {path.name} is new or has other content"
    missing = len(set(hashes) - set(stage.input_keys))
    if len(hashes) > len(stage.files):
        yield f"input: {missing} {'file is' if missing == 1 else 'files are'} no longer read"


def _is_alike(item: Item, stage: Stage) -> bool:
    """Whether an artifact may be an earlier version of the stage: the same reference row, or a metric in common."""
    manifest = item.manifest or {}
    if item.artifact.stage != stage.name or not {"config", "code", "inputs"} <= manifest.keys():
        return False
    config = manifest["config"]
    metrics, ours = set(config.get("metric", ())), set(stage.config.get("metric", ()))
    same_row = config.get("reference") == stage.config.get("reference")
    return same_row and (metrics == ours or bool(metrics & ours))


def _nearest(candidates: Sequence[Item], stage: Stage) -> Item | None:
    """The one with the fewest differences, of these the last built."""
    return min(candidates, key=lambda one: (len(differences(one.manifest or {}, stage)), -one.created), default=None)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path and value of all that is no mapping; an empty mapping counts as a value."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _show(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _short(text: str | None) -> str:
    assert text is not None
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
