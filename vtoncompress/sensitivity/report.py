"""The points as a CSV in long form, and as a ranking in Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from vtoncompress.pruning.groups import Group
from vtoncompress.record import write_text
from vtoncompress.sensitivity.point import SSIM, Analysis, Point

COLUMNS = (
    "group", "members", "ratio", "channels_before", "channels_after", "ssim_garment", "ssim_garment_loss",
    "l1_garment", "flow_error_px", "gmacs_saved", "params_m_saved", "loss_per_gmac_saved", "latency_ms_saved", "chosen",
)  # fmt: skip
DENSE = "dense"


def write_csv(analysis: Analysis, path: Path) -> None:
    """A row a point, the dense network's first; what was not measured is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    dense = {name: value for name, value in analysis.dense.values.items() if name in COLUMNS}
    writer.writerow(
        {"group": DENSE, "ratio": 0, "ssim_garment_loss": 0, "gmacs_saved": 0, "params_m_saved": 0, **dense}
    )
    for point in analysis.points:
        writer.writerow(_row(point, analysis.chosen[point.group.name]))
    write_text(path, text.getvalue())


def _row(point: Point, chosen: float) -> dict[str, object]:
    return {
        "group": point.group.name,
        "members": " ".join(point.group.members),
        "ratio": point.ratio,
        "channels_before": point.group.channels,
        "channels_after": point.channels_left,
        "ssim_garment_loss": point.loss,
        "gmacs_saved": point.macs_saved / 1e9,
        "params_m_saved": point.parameters_saved / 1e6,
        "loss_per_gmac_saved": point.loss_per_gmac,
        "latency_ms_saved": point.latency_saved_ms,
        "chosen": int(point.ratio == chosen),
        **{name: value for name, value in point.network.values.items() if name in COLUMNS},
    }


def rank(analysis: Analysis) -> list[tuple[Group, dict[float, Point]]]:
    """Groups by what they cost for each MAC saved at the largest ratio, the cheapest first; last what saves none.

    Those that cost nothing by what they save: how far below 0 a loss lies says nothing.
    """

    def price(found: dict[float, Point]) -> tuple[float, int]:
        last = found[max(found)]
        return (float("inf") if last.loss_per_gmac is None else max(0.0, last.loss_per_gmac), -last.macs_saved)

    return sorted(analysis.by_group().items(), key=lambda item: price(item[1]))


def write_markdown(analysis: Analysis, path: Path) -> None:
    """The ranking, the protocol, and the members of every group."""
    write_text(path, "\n".join(_lines(analysis)) + "\n")


def _lines(analysis: Analysis) -> Iterator[str]:
    ratios, largest = analysis.ratios, max(analysis.ratios)
    timed = analysis.points[0].latency_saved_ms is not None
    heads = ["rank", "group", "layers", "channels", *(f"loss at {ratio:g}" for ratio in ratios)]
    heads += [f"MMACs saved at {largest:g}", f"loss per GMAC at {largest:g}", "chosen"]
    heads += [f"ms saved at {largest:g}"] if timed else []
    yield from ("### Sensitivity of each group of tied channels", "")
    yield f"| {' | '.join(heads)} |"
    yield f"| ---: | --- |{' ---: |' * (len(heads) - 2)}"
    for number, (group, found) in enumerate(rank(analysis), 1):
        last = found[largest]
        price = "–" if last.loss_per_gmac is None else f"{last.loss_per_gmac:.3f}"
        cells = [str(number), f"`{group.name}`", str(len(group.members)), str(group.channels)]
        cells += [f"{found[ratio].loss:.4f}" for ratio in ratios]
        cells += [f"{last.macs_saved / 1e6:.2f}", price, f"{analysis.chosen[group.name]:g}"]
        cells += [f"{last.latency_saved_ms:.2f}"] if last.latency_saved_ms is not None else []
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield from (f"- {line}" for line in (*_together(analysis), *analysis.protocol))
    yield from ("", "### Members of the groups of several layers", "")
    for group in analysis.by_group():
        if len(group.members) > 1:
            yield f"- {', '.join(f'`{member}`' for member in group.members)}"


def _together(analysis: Analysis) -> list[str]:
    dense, all_chosen = analysis.dense, analysis.together
    return [
        "Loss: garment SSIM of the dense network less that of the network with this group pruned and nothing else "
        "done. Chosen: the largest ratio that costs "
        f"{analysis.budget:g} at most, or 0. Ranked by loss per MAC saved, those that cost nothing by MACs.",
        f"Losses of several groups add up and more: with all chosen ratios at once garment SSIM is "
        f"{all_chosen.values[SSIM]:.3f} (dense {dense.values[SSIM]:.3f}), {all_chosen.macs / 1e9:.3f} of "
        f"{dense.macs / 1e9:.3f} GMACs and {all_chosen.parameters / 1e6:.2f} of {dense.parameters / 1e6:.2f} M "
        "parameters are left, before any fine-tuning.",
    ]
