"""A table in words: its best rows, and what its numbers are."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from vtoncompress.disturbance import disturbed
from vtoncompress.record import QUALITY, Record, metric_fields, split_by_protocol
from vtoncompress.search.frontier import non_dominated

BUDGET = 0.05
"""A row is worth taking while its garment SSIM is at most this much below the dense float32 network's."""
BEST = 3
STEP_SAVING = ("guidance", "consistency")
"""Choices of ``finetuning`` that train steps or guidance away: what they give is a result, not a control."""
UNKNOWN = float("inf")
UNTIMED = 1e6
"""Above every share of the dense network's time."""
ORDINALS = ("", "second ", "third ")


def summarise(records: Sequence[Record]) -> list[str]:
    """The best rows of each protocol, a sentence each: fastest and smallest within the budget, best of the compressed.

    A row that another one beats in quality, time and size at once is not named, and one that was disturbed while timed
    is not ranked by time. Where one row wins twice, runners-up fill the three. What can't be told, and how many failed,
    is said too.
    """
    groups = [group for group in split_by_protocol(records) if any(record.role == "variant" for record in group)]
    lines = []
    for group in groups:
        variants = [record for record in group if record.role == "variant"]
        done = [record for record in variants if record.status == "done"]
        lines += [f"Protocol {group[0].protocol}:"] if len(groups) > 1 else []
        lines += _summarise(done)
        lines += [
            f"{record.variant}: no trial of its quantization met its budget; the best of them was kept."
            for record in done
            if record.details.get("quantization", {}).get("budget_met") is False
        ]
        lines += [
            f"{record.variant}: FID was judged on {judged['pairs']} pairs, too few for {dimension} features: set "
            f"validation_pairs to more than {dimension}."
            for record in done
            if (judged := record.details.get("quantization", {}).get("judged_by", {})).get("fid_rank_deficient")
            if (dimension := judged["fid_dimension"])
        ]
        if failed := len(variants) - len(done):
            lines.append(f"{failed} of {len(variants)} variants failed: the notes below the table say why.")
    return lines


def find_dense(records: Iterable[Record]) -> Record | None:
    """The dense float32 row that others are compared with: not trained further, in eager PyTorch if there is one."""
    dense = [record for record in records if record.role == "variant" and record.status == "done"]
    return min(
        (record for record in dense if not is_compressed(record)),
        key=lambda record: (is_trained(record), record.runtime != "torch"),
        default=None,
    )


def is_compressed(record: Record) -> bool:
    """Whether it is pruned or quantized."""
    pruned = record.pruning not in ("", "none") and record.pruning_ratio != 0
    return pruned or record.quantization not in ("", "none")


def is_trained(record: Record) -> bool:
    """Whether its weights or its batch-norm statistics are others than the dense network's."""
    finetuning = record.trust.get("config", {}).get("finetuning") or {}
    return record.finetuning not in ("", "none") or finetuning.get("batch_norm_pairs", 0) > 0


def _is_control(record: Record) -> bool:
    """The dense network trained further, which shows what training alone does; it is nobody's result."""
    return not is_compressed(record) and is_trained(record) and record.finetuning not in STEP_SAVING


def _summarise(rows: Sequence[Record]) -> list[str]:
    dense = find_dense(rows)
    others = [record for record in rows if record is not dense and not _is_control(record)]
    if dense is None:
        return ["No dense float32 network was measured: there is nothing to compare with."]
    if not others:
        return ["Nothing but the dense float32 network was measured."]
    random = str(dense.trust.get("weights", "")).startswith("random")
    target = None if random else dense.values.get("ssim_garment")
    restless = disturbed(rows).keys()
    kept = _unbeaten(others, restless, target is not None)
    if target is None:
        nothing = "Random weights" if random else "Garment SSIM was not measured"
        lines = [f"{nothing}: cost only, what follows says nothing about quality."]
        within, best = kept, []
    else:
        judged = sorted((one for one in kept if "ssim_garment" in one.values), key=lambda one: _loss(one, target))
        within = [record for record in judged if _loss(record, target) <= BUDGET]
        best = list(filter(is_compressed, within or judged))
        floor = f"garment SSIM at most {BUDGET} below the {target:.3f} of dense float32 ({dense.variant})"
        lines = [f"Fastest and smallest of the rows with a {floor}:" if within else f"No other row has a {floor}."]
    rankings = {
        "fastest": sorted((one for one in within if _slowness(one, restless) < UNKNOWN), key=_slowness),
        "smallest": sorted((one for one in within if "size_mib" in one.values), key=lambda one: one.values["size_mib"]),
        "best garment SSIM of what is compressed": best,
    }
    by_name = {record.variant: record for record in others}
    for name, titles in _pick(rankings).items():
        told = _figures(by_name[name], dense, target is not None, name in restless)
        lines.append(f"{name}: {told}. The {' and the '.join(titles)}.")
    if len(kept) < len(others):
        lines.append("Not named are rows that another one beats in quality, time and size at once.")
    if left := [record.variant for record in others if record.variant in restless]:
        lines.append(f"Not ranked by time, because disturbed while timed: {', '.join(left)}.")
    return lines


def _unbeaten(rows: Sequence[Record], restless: Container[str], by_quality: bool) -> list[Record]:
    """The rows that no other one beats in quality, time and size, to the digits that are told."""
    losses = [
        (
            -round(record.values.get("ssim_garment", 0.0), 3) if by_quality else 0.0,
            round(_slowness(record, restless), 3),
            round(record.values.get("size_mib", UNKNOWN), 1),
        )
        for record in rows
    ]
    return [rows[index] for index in non_dominated(losses)]


def _slowness(record: Record, restless: Container[str] = ()) -> float:
    """Time as a share of the dense network's, of which a load that lasts changes nothing; where there is none of that,
    milliseconds, which come behind. Of whole calls, or as the steps of one add up where none was timed."""
    values = record.values
    if record.variant in restless:
        return UNKNOWN
    for share, time, unit_ms in (("speedup", "latency_ms_p50", 1), ("image_speedup", "image_s", 1000)):
        if share in values:
            return 1 / values[share]
        if time in values:
            return UNTIMED + unit_ms * values[time]
    return UNKNOWN


def _loss(record: Record, target: float) -> float:
    return target - record.values["ssim_garment"]


def _pick(rankings: Mapping[str, Sequence[Record]]) -> dict[str, list[str]]:
    """Variants with what they are: the first of each ranking, and runners-up while fewer than three are named."""
    picked: dict[str, list[str]] = {}
    for place, ordinal in enumerate(ORDINALS):
        before = set(picked)
        for title, ranking in rankings.items():
            name = ranking[place].variant if place < len(ranking) else None
            if name is not None and name not in before and (name in picked or len(picked) < BEST):
                picked.setdefault(name, []).append(ordinal + title)
    return picked


def _figures(record: Record, dense: Record, by_quality: bool, restless: bool) -> str:
    values, parts = record.values, []
    latency, speedup = _time(values)
    latency += ", disturbed" if restless else ""
    if speedup is not None:
        compared = _times(speedup, "faster than", "slower than", "as fast as")
        parts.append(f"{compared} dense float32 in eager PyTorch ({latency})")
    else:
        parts.append(latency)
    if "size_mib" in values and "size_mib" in dense.values:
        compared = _times(dense.values["size_mib"] / values["size_mib"], "smaller", "larger", "as large")
        parts.append(f"{compared} ({values['size_mib']:.1f} MiB)")
    if by_quality and "ssim_garment" in values:
        change = values["ssim_garment"] - dense.values.get("ssim_garment", values["ssim_garment"])
        compared = "the same" if abs(change) < 5e-4 else f"{abs(change):.3f} {'more' if change > 0 else 'less'}"
        parts.append(f"garment SSIM {values['ssim_garment']:.3f} ({compared})")
    return ", ".join(parts)


def _time(values: Mapping[str, float]) -> tuple[str, float | None]:
    """A picture's time in words and its speedup: of whole calls, or as its steps add up where none was timed."""
    if "latency_ms_p50" in values:
        return f"{values['latency_ms_p50']:.1f} ms a picture", values.get("speedup")
    if "image_s" in values:
        return f"{values['image_s']:.2f} s a picture", values.get("image_speedup")
    return "time not measured", None


def _times(ratio: float, more: str, less: str, same: str) -> str:
    """A positive ratio in words: 2.5 is "2.5x ``more``", 0.4 "2.5x ``less``"."""
    factor = max(ratio, 1 / ratio)
    return same if factor < 1.05 else f"{factor:.1f}x {more if ratio > 1 else less}"


def captions(group: Sequence[Record], shown: set[str]) -> list[str]:
    """What the numbers of one table are, in lines to stand below it; ``shown`` are its columns' names in records."""
    lines = []
    if measured := [record for record in group if QUALITY & record.values.keys()]:
        lines.append(_pictures(measured[0]))
        metrics = {name: value for record in measured for name, value in metric_fields(record).items()}
        for features, names in group_by(
            (_features(metrics, metric), metric.upper()) for metric in ("fid", "kid")
        ).items():
            lines.append(f"{' and '.join(names)}: features = {features}.")
    weights = group_by((record.trust.get("weights"), record.model) for record in group if record.role == "variant")
    lines += [f"{', '.join(models)}: {text}." for text, models in weights.items()]
    if shown & {"gmacs", "size_mib"}:
        lines.append("1 MAC = 2 FLOPs. Size counts every file that is deployed.")
    if timed := [record for record in group if "latency_ms_p50" in record.values]:
        baselines = [record.details.get("speed", {}).get("baseline_runtime", {}).get("sampling") for record in timed]
        samplers = " or ".join(dict.fromkeys(_steps(one) for one in baselines if one))
        lines.append(
            f"Time: the whole try-on call, batch 1, on {_where(timed, 'speed')}. Speedup: against the dense float32 "
            f"network in eager PyTorch{samplers and f' with {samplers}'}, timed in turns."
        )
    if stepped := [record for record in group if {"step_ms_p50", "image_s"} & record.values.keys() & shown]:
        lines.append(_image(stepped))
    return lines


def _image(stepped: Sequence[Record]) -> str:
    steps = [record.details.get("steps", {}) for record in stepped]
    baselines = [(one["baseline_sampling"], one["baseline_steps"]) for one in steps if "baseline_sampling" in one]
    against = dict.fromkeys(_steps({**sampling, "steps": count}) for sampling, count in baselines)
    return (
        f"Step and image: batch 1, on {_where(stepped, 'steps')}. Image = steps x step + autoencoder; its speedup: "
        f"against {' or '.join(against) or 'its steps'} of the dense float32 network in eager PyTorch."
    )


def _steps(sampling: Mapping[str, Any]) -> str:
    """As ``50 guided steps of DDIM``, of what a sampler tells."""
    return f"{sampling['steps']} {'' if sampling['guidance'] == 1 else 'guided '}steps of {sampling['sampler']}"


def _pictures(record: Record) -> str:
    size = "x".join(map(str, record.trust.get("picture_size", ())))
    kind = "generated pictures" if record.protocol == "generated" else f"pictures of {record.data or record.protocol}"
    pair_list = f" (list {record.trust['pair_list_hash']})" if record.trust.get("pair_list_hash") else ""
    pairs = "" if record.pairs is None else f", {record.pairs} pairs{pair_list}"
    dropped = record.trust.get("left_out", ())
    left_out = f", {len(dropped)} more left out ({dropped[0]}{', ...' if len(dropped) > 1 else ''})" if dropped else ""
    return f"Protocol {record.protocol}: {kind}{' ' if size else ''}{size}{pairs}{left_out}."


def _features(metrics: dict[str, Any], metric: str) -> str | None:
    if f"{metric}_extractor" not in metrics:
        return None
    weights, resizing, reference = (
        metrics.get(f"{metric}_{name}", "unknown") for name in ("weights", "resizing", "reference")
    )
    return f"{metrics[f'{metric}_extractor']} (weights {weights}, resizing: {resizing}), reference = {reference}"


def _where(timed: Sequence[Record], metric: str) -> str:
    """Machines, and runtimes in their precisions, of what ``metric`` timed."""
    told = [record.trust.get("runtime") or record.details.get(metric, {}).get("runtime", {}) for record in timed]
    machines, runtimes = (dict.fromkeys(map(tell, timed, told)) for tell in (_machine, _runtime))
    return f"{'; '.join(machines)}; {'; '.join(runtimes)}"


def _machine(record: Record, runtime: Mapping[str, Any]) -> str:
    trust = record.trust
    threads = runtime.get("threads") or trust.get("threads_available")
    sets = ", ".join(trust.get("instruction_set", ()))
    cpu = trust.get("cpu", "an unknown processor")
    return f"{cpu}, {threads} threads" + (f" ({sets})" if sets else "")


def _runtime(record: Record, runtime: Mapping[str, Any]) -> str:
    version = str(runtime.get("version", "")).partition("-")[0]
    precision = runtime.get("execution_precision")
    return f"{record.runtime} {version}".strip() + (f" in {precision}" if precision else "")


def group_by(pairs: Iterable[tuple[Any, str]]) -> dict[Any, list[str]]:
    """Values by key, both in order and without repetition; pairs without a key are left out."""
    groups: dict[Any, dict[str, None]] = {}
    for key, value in pairs:
        if key is not None:
            groups.setdefault(key, {})[value] = None
    return {key: list(values) for key, values in groups.items()}
