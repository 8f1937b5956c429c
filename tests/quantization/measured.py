"""What docs/quantization.md and the notes beside the modes say of results/, made from it.

python -m tests.quantization.measured  # after the experiments were measured again: writes what the tests ask for
"""

from __future__ import annotations

import functools
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from omegaconf import OmegaConf

from tests.conftest import ROOT
from vtoncompress.disturbance import disturbed
from vtoncompress.record import Record, read_all

DOCUMENT = ROOT / "docs" / "quantization.md"
EXTENDING = ROOT / "docs" / "extending.md"  # shows a mode's module as a diff
EXPERIMENT = "quantization_modes"
COLUMNS = {
    "variant": "row", "runtime": "runtime", "size_mib": "size (MiB)", "ssim_garment": "garment SSIM", "ssim": "SSIM",
    "fid_shipped": "FID (shipped features)", "flow_error_px": "flow error (px)", "latency_ms_p50": "p50 (ms)",
    "speedup": "speedup (×)",
}  # fmt: skip
DIGITS = {
    "size_mib": 1, "ssim_garment": 3, "ssim": 3, "fid_shipped": 2, "flow_error_px": 2, "latency_ms_p50": 1, "speedup": 2
}  # fmt: skip
BETTER = {
    "ssim_garment": 1, "ssim": 1, "psnr": 1, "l1_garment": -1, "fid_shipped": -1, "flow_error_px": -1
}  # fmt: skip
NAMES = {**COLUMNS, "psnr": "PSNR", "l1_garment": "garment L1", "fid_shipped": "FID", "flow_error_px": "flow error"}
TRAINED = ("nncf_qat", "torchao_qat")
TRAINING = "finetuning@quantization.training"  # set by rows that train in another way than those of three sets of pairs
UNTOLD = ("export", "quantization", "quantization.skip")
NOTHING, DISTURBED = "–", "⚑"


@functools.cache
def records(experiment: str = EXPERIMENT) -> dict[str, Record]:
    """The measured rows by name, those that its config no longer has left out."""
    known = rows(experiment)
    found = {record.variant: record for record in read_all(ROOT / "results" / experiment) if record.status == "done"}
    return {name: found[name] for name in known if name in found}


@functools.cache
def rows(experiment: str = EXPERIMENT) -> dict[str, dict[str, str]]:
    """Row -> its overrides by option, as the config has them."""
    config = OmegaConf.load(ROOT / "conf" / "experiment" / f"{experiment}.yaml")
    return {
        str(name): dict(str(one).split("=", 1) for one in overrides)
        for name, overrides in config.hydra.sweeper.variants.items()
    }


def unmeasured() -> list[str]:
    return [name for name in rows() if name not in records()]


@functools.cache
def suspect() -> dict[str, str]:
    return disturbed([*records().values()])


def frame(experiment: str = EXPERIMENT) -> pd.DataFrame:
    """The finished rows of table.csv that are variants, by name."""
    table = pd.read_csv(ROOT / "results" / experiment / "table.csv")
    shown = table.variant.isin([*rows(experiment)]) & (table.status == "done")
    return table[(table.role == "variant") & shown].set_index("variant", drop=False)


def table() -> str:
    """A line for each row of the experiment; for one that is not measured yet without figures."""
    measured = frame()
    lines = [[*COLUMNS.values()], ["---", "---", *["---:"] * len(DIGITS)]]
    for name in rows():
        if name not in measured.index:
            lines.append([f"`{name}`", "not measured yet", *[NOTHING] * len(DIGITS)])
            continue
        row = measured.loc[name]
        figures = {key: f"{row[key]:.{digits}f}" if pd.notna(row[key]) else NOTHING for key, digits in DIGITS.items()}
        if name in suspect():
            figures["speedup"] += f" {DISTURBED}"
        lines.append([f"`{name}`", str(row.runtime), *figures.values()])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def note(mode: str) -> str:
    """By runtime, against float32 there; garment SSIM by options, the mean where runs differ in pairs alone."""
    measured, told = frame(), []
    mine = measured[(measured.quantization == mode) & ~_further(measured)]
    for runtime, here in mine.groupby("runtime", sort=True):
        float32 = measured[
            (measured.quantization == "none") & (measured.runtime == runtime) & (measured.pruning_ratio > 0)
        ].iloc[0]
        groups = [group for _, group in here.groupby(here.variant.map(_options), sort=False)]
        first = groups[0]
        share = f"{(float32.speedup / first.speedup).mean():.2f} of the time"
        if {float32.variant, *first.variant} & suspect().keys():
            share += " (disturbed)"
        qualities = ", ".join(_garment(group) for group in groups)
        told.append(
            f"{runtime} {first.size_mib.iloc[0]:.1f} MiB of {float32.size_mib:.1f}, {share}, "
            f"garment SSIM {qualities} of {float32.ssim_garment:.3f}"
        )
    return f"Measured (results/{EXPERIMENT}): {'; '.join(told)}."


def _further(measured: pd.DataFrame) -> pd.Series:
    """Rows of another network than the others: trained further, or not pruned."""
    return measured.variant.map(lambda name: any(option.startswith("finetuning") for option in rows()[name]))


def _options(name: str) -> str:
    """What tells a row from the mode as it is configured."""
    told = {option: value for option, value in rows()[name].items() if option not in UNTOLD}
    texts = {
        option: f"{value.count(',') + 1} layers" if option.endswith("float_layers") else value
        for option, value in told.items()
    }
    return ", ".join(f"{option.removeprefix('quantization.')}={value}" for option, value in texts.items())


def _garment(group: pd.DataFrame) -> str:
    values, options = group.ssim_garment, _options(group.variant.iloc[0])
    runs = f"{len(values)} runs, {values.min():.3f} to {values.max():.3f}" if len(values) > 1 else ""
    told = "; ".join(filter(None, (options, runs)))
    return f"{values.mean():.3f} ({told})" if told else f"{values.mean():.3f}"


def acceptance() -> str:
    """What the three tables show together, in bullets."""
    return "".join(
        f"{_wrapped(line)}\n" for line in (*_full_size(), _small(), *_training(), *_budgets(), _files(), _times())
    )


def _full_size() -> Iterator[str]:
    full = frame("full_size_quantization")
    for kind, before, after in (
        ("dense", "dense", "dense_int8"), ("pruned", "unquantized", "quantize_cwm_and_igm")
    ):  # fmt: skip
        float32, int8 = full.loc[before], full.loc[after]
        yield (
            f"**Full size, {kind}**, random weights (`results/full_size_quantization`, 256x192): INT8 takes "
            f"{int8.size_mib / float32.size_mib:.3f} of float32's files ({int8.size_mib:.1f} of "
            f"{float32.size_mib:.1f} MiB; published: 0.258) and {int8.latency_ms_p50:.0f} ms a call instead of "
            f"{float32.latency_ms_p50:.0f}."
        )


def int8_loss() -> dict[str, float]:
    """Of INT8 of both networks after pruning, 2,032 pairs: falls of the likenesses, the rise of FID in per cent."""
    small = frame("quantization")
    float32, int8 = small.loc["unquantized"], small.loc["quantize_cwm_and_igm"]
    falls = {name: float(float32[name] - int8[name]) for name in ("ssim_garment", "ssim")}
    return {**falls, "fid_percent": 100 * (int8.fid_shipped / float32.fid_shipped - 1)}


def _small() -> str:
    loss = int8_loss()
    return (
        "**Pruned small network**, 2,032 pairs (`results/quantization`): INT8 of both networks changes garment SSIM by "
        f"{-loss['ssim_garment']:+.4f}, SSIM by {-loss['ssim']:+.4f} and FID by {loss['fid_percent']:+.1f} % "
        "(published: +21 %)."
    )


def post_training() -> pd.DataFrame:
    """Quantized rows of the pruned network as fine-tuning left it."""
    measured = frame()
    return measured[~measured.quantization.isin(["none", *TRAINED]) & ~_further(measured)]


def trained_rows(measured: pd.DataFrame) -> pd.DataFrame:
    """Rows that were trained with the rounding, on three sets of pairs."""
    others = [name for name, overrides in rows().items() if TRAINING in overrides]
    return measured[measured.quantization.isin(TRAINED) & ~measured.index.isin(others)]


def won(better: bool) -> list[str]:
    """Measures in which the worst quantization-aware training is better than the best post-training row, or is not."""
    measured, others = frame(), post_training()
    trained = trained_rows(measured)
    return [
        name for name, sign in BETTER.items() if ((sign * trained[name]).min() > (sign * others[name]).max()) == better
    ]


def _training() -> Iterator[str]:
    measured, others = frame(), post_training()
    means = []
    for mode in TRAINED:
        trained = trained_rows(measured)
        values = trained[trained.quantization == mode].ssim_garment
        means.append(f"`{mode}` {values.mean():.3f} ({values.min():.3f} to {values.max():.3f})")
    best = others.loc[others.ssim_garment.idxmax()]
    yield (
        f"**Training with the rounding**, three sets of 1,600 pairs each, garment SSIM: {', '.join(means)}; best "
        f"post-training row {best.ssim_garment:.3f} (`{best.variant}`). The worst of the six is better than every "
        f"post-training row in {_listed(won(True))}, not in {_listed(won(False))}."
    )
    further = [
        f"`{name}` {measured.loc[name].ssim_garment:.3f}" if name in measured.index else f"`{name}` not measured yet"
        for name in ("float32_trained_further", "nncf_ptq_trained_further")
    ]
    yield (
        "**Not by rounding alone**: they saw 1,600 pairs more than post-training rows, and learned from the dense "
        f"network. The same number of further pairs, from the truth alone: {', '.join(further)}."
    )


def _budgets() -> Iterator[str]:
    told = []
    for name, record in records().items():
        made = record.details["quantization"]
        if "budget_met" not in made:
            continue
        trial, pairs = made["trials"][made["chosen"]], record.trust["config"]["validation_pairs"]
        fall, rise = made["before"]["garment_ssim"] - trial["garment_ssim"], trial["fid"] / made["before"]["fid"] - 1
        back = f", {len(made['float_again'])} layers back in float" if "float_again" in made else ""
        told.append(
            f"`{name}` {len(made['trials'])} of them{back}, garment SSIM {-fall:+.4f} and FID {100 * rise:+.1f} % on "
            f"{pairs} pairs, a margin of {trial['margin']:.2f}"
        )
    yield f"**Trials within a budget**: {'; '.join(told)}."


def _files() -> str:
    measured = frame()
    float32 = measured.loc["float32_openvino"].size_mib
    shares = [
        f"`{mode}` {measured.loc[f'{mode}_openvino'].size_mib / float32:.2f}"
        for mode in ("float16", "weight_int8", "weight_int4", "nncf_ptq")
    ]
    return f"**Files** for OpenVINO, shares of float32's {float32:.1f} MiB, graph included: {', '.join(shares)}."


def _times() -> str:
    baselines = {name: one.details["speed"]["baseline_latency_ms_p50"] for name, one in records().items()}
    flagged = ", ".join(f"`{name}`" for name in suspect()) or "none"
    return (
        f"**Times**: the baseline, the same network in every row, took {min(baselines.values()):.1f} to "
        f"{max(baselines.values()):.1f} ms. Disturbed while timed ({DISTURBED}): {flagged}."
    )


def _listed(names: list[str]) -> str:
    return ", ".join(NAMES[name] for name in names) or "none"


def _wrapped(line: str) -> str:
    return textwrap.fill(
        line, 119, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def modes() -> list[str]:
    """Those that have measured rows."""
    return sorted({*frame().quantization} - {"none"})


def note_of(mode: str) -> str:
    """The docstring of a mode's module on one line."""
    return " ".join(_module(mode).read_text().split('"""')[1].split())


def _module(mode: str) -> Path:
    return ROOT / "vtoncompress" / "quantization" / f"{mode}.py"


def marked(name: str) -> str:
    """What stands between a pair of marks in the document."""
    before, after = _around(name, text := DOCUMENT.read_text())
    return text[len(before) : len(text) - len(after)]


def _around(name: str, text: str) -> tuple[str, str]:
    begin, end = (f"<!-- {mark}{name} -->\n" for mark in ("", "/"))
    return text[: text.index(begin) + len(begin)], text[text.index(end) :]


def _as_diff(path: Path, text: str) -> str:
    lines = text.splitlines(keepends=True)
    return f"+++ b/{path.relative_to(ROOT)}\n@@ -0,0 +1,{len(lines)} @@\n{''.join(f'+{line}' for line in lines)}"


def main() -> None:
    from tests.quantization.test_runtime_table import table as runtimes

    text = DOCUMENT.read_text()
    for name, made in (("runtimes", runtimes()), ("measured", table()), ("acceptance", acceptance())):
        before, after = _around(name, text)
        text = before + made + after
    DOCUMENT.write_text(text)
    for mode in modes():
        wrapped = textwrap.fill(note(mode), 120, break_long_words=False, break_on_hyphens=False)
        path = _module(mode)
        old = re.compile(r'^Measured \(results/.*?\.\n(?=""")', re.DOTALL | re.MULTILINE)
        before = path.read_text()
        after = old.sub(f"{wrapped}\n", before, count=1)
        path.write_text(after)
        EXTENDING.write_text(EXTENDING.read_text().replace(_as_diff(path, before), _as_diff(path, after)))
    print("not measured yet:", ", ".join(unmeasured()) or "none")


if __name__ == "__main__":
    main()
