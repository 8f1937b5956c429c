"""Second stage: channels removed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress import checkpoint
from vtoncompress.data.base import TryOnData
from vtoncompress.latency import LOOKUP
from vtoncompress.pruning.base import Recovery
from vtoncompress.pruning.ratio import flatten
from vtoncompress.pruning.reached import compare, count
from vtoncompress.stage.seed import set_seed

REACHED = "pruning.json"


def make(config: Mapping[str, Any], dense: Path, out: Path, work: Path) -> None:
    """Write the checkpoint and ``pruning.json``: what was removed of the network, of the scope's modules and of those
    that have a ratio of their own.

    ``config``: ``pruning``, ``scope``, ``criterion`` (null where nothing is pruned), ``seed``; ``training_data`` where
    the criterion looks at pairs or there is ``finetuning`` between steps. ``work`` keeps what a killed run goes on
    from.
    """
    set_seed(config["seed"])
    model = checkpoint.load(dense)
    pruning, criterion = instantiate(config["pruning"]), instantiate(config["criterion"])
    data = instantiate(config.get("training_data"))
    pruning.check(model, config["scope"])
    parts = flatten(config["pruning"].get("ratios"))
    modules = list(dict.fromkeys([*config["scope"], *sorted(parts)]))
    before = count(model, modules)
    pruning.prune(model, config["scope"], criterion, data, work, _recovery(config, dense, data))
    after = count(model, modules)
    if config["pruning"].get("round_to") and after == before:
        raise ValueError(
            f"pruning.round_to={config['pruning']['round_to']} has brought back every channel that was to go: use a "
            "smaller multiple or a larger ratio"
        )
    checkpoint.save(model, out)
    (out / REACHED).write_text(json.dumps(compare(before, after)))


def make_in_time(config: Mapping[str, Any], dense: Path, latency: Path, out: Path, work: Path) -> None:
    """As :func:`make`, for a pruning that reads what widths cost in time from the stage that measured it."""
    make({**config, "pruning": {**config["pruning"], "lookup": str(latency / LOOKUP)}}, dense, out, work)


def _recovery(config: Mapping[str, Any], dense: Path, data: TryOnData | None) -> Recovery | None:
    if "finetuning" not in config:
        return None
    assert data is not None
    finetuning = instantiate(config["finetuning"])
    return lambda model, folder: finetuning.train(model, data, folder, checkpoint.load(dense))
