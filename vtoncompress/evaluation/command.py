"""Two folders and a protocol -> a record: features of the references from the store, predictions read once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import instantiate

from vtoncompress.data.base import Image, Pair
from vtoncompress.environment import environment
from vtoncompress.evaluation.pictures import encodings, find_pictures, names_hash, read_chunks
from vtoncompress.evaluation.protocol import RESIZINGS, Protocol
from vtoncompress.feature_plan import plan_features
from vtoncompress.fingerprint import files_hash
from vtoncompress.metric.base import Batch, PictureMetric, Prediction, ReferencedMetric
from vtoncompress.progress import Progress
from vtoncompress.record import Record, check_same_protocol
from vtoncompress.stage.definition import Stage
from vtoncompress.store import Store

NOTHING = np.empty((0, 0, 3), np.uint8)
"""What is not known of somebody's result: person and garment. No metric of a folder looks at them."""


def evaluate(config: Mapping[str, Any], others: list[Record]) -> Record:
    """Score ``config["prediction"]`` against ``config["reference"]``.

    Args:
        config: resolved ``conf/evaluate.yaml``.
        others: records that this one is to stand beside.

    Raises:
        ValueError: folders that don't go with the protocol, a picture that can't be read, a protocol that differs from
            that of ``others``; all but the second before any work.
    """
    protocol: Protocol = instantiate(config["protocol"], _recursive_=False)
    predictions = find_pictures("prediction", Path(config["prediction"]))
    references = find_pictures("reference", Path(config["reference"]))
    protocol.check_count(len(predictions), f"prediction={config['prediction']}")
    if protocol.pairing == "paired":
        references = _matching(predictions, references)
    metrics = {name: instantiate(_options(metric)) for name, metric in protocol.metric.items()}
    record = _describe(config, protocol, predictions, references)
    reference = f"{len(references)} pictures ({files_hash([*references.values()])[:16]})"
    stages = {name: _reference_stage(protocol, metric, references) for name, metric in protocol.metric.items()}
    for other in others:
        check_same_protocol(other, record)
    for name, metric in metrics.items():
        if isinstance(metric, ReferencedMetric):
            stage = stages[name]
            assert stage is not None, "such a metric has an extractor's options"
            known = metric.refer_to(stage.build(Store(Path(config["store"])))[0].path, reference)
            assert known, "they were made by the metric's own extractor"
    record.trust["picture_size"] = _look(protocol, metrics, predictions, references)
    _fill(record, metrics)
    for other in others:
        check_same_protocol(other, record)
    return record


def _options(metric: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metric.items() if key != "kind"}


def _matching(predictions: Mapping[str, Path], references: Mapping[str, Path]) -> dict[str, Path]:
    """Those references that the predictions show, in the predictions' order."""
    if missing := [name for name in predictions if name not in references]:
        raise ValueError(
            f"{len(missing)} of {len(predictions)} predictions have no reference of the same name, the first is "
            f"{missing[0]}: protocol.pairing=paired compares picture by picture; rename them, or say unpaired"
        )
    return {name: references[name] for name in predictions}


def _describe(
    config: Mapping[str, Any], protocol: Protocol, predictions: Mapping[str, Path], references: Mapping[str, Path]
) -> Record:
    """The record before anything is measured: all of the protocol that is known from the folders."""
    size = protocol.size and list(protocol.size)
    repaint = "not told" if protocol.repaint is None else "yes" if protocol.repaint else "no"
    names = [f"{one} {other}" for one, other in zip_longest(predictions, references, fillvalue="")]
    return Record(
        variant=config["variant"] or Path(config["prediction"]).resolve().name,
        model=config["variant"] or Path(config["prediction"]).resolve().name,
        data=config["data"] or "",
        protocol=protocol.name,
        pairs=len(predictions),
        trust={
            "pair_list_hash": names_hash(names),
            "picture_resizing": RESIZINGS[protocol.resizing],
            "pairing": protocol.pairing,
            "encoding": f"{encodings([*predictions.values()])} against {encodings([*references.values()])}",
            "repaint": repaint,
            "kid_factor": protocol.kid_factor,
            "predictions_hash": files_hash([*predictions.values()])[:16],
            **({"picture_size": size} if size else {}),
            **environment(),
        },
    )


def _reference_stage(protocol: Protocol, metric: Mapping[str, Any], references: Mapping[str, Path]) -> Stage | None:
    files = [*references.values()]
    pictures = {"size": protocol.size and list(protocol.size), "resizing": protocol.resizing}
    told = {"pictures": {"files": [str(file) for file in files]}}
    return plan_features(metric, "make", {"pictures": pictures}, files, told)


def _look(
    protocol: Protocol,
    metrics: Mapping[str, PictureMetric],
    predictions: Mapping[str, Path],
    references: Mapping[str, Path],
) -> list[int] | str:
    """Read the predictions, and beside them the references that show their truth, and feed the metrics.

    Returns:
        Height and width of the predictions; in words where they have several.
    """
    chunks = read_chunks([*predictions.values()], protocol.size, protocol.resizing)
    truths = read_chunks([*references.values()], protocol.size, protocol.resizing)
    names, sizes = iter(predictions), Counter[tuple[int, int]]()
    with Progress("predictions", len(predictions)) as progress:
        for pictures in chunks:
            sizes.update((picture.shape[0], picture.shape[1]) for picture in pictures)
            shown: list[Image | None] = [None] * len(pictures)
            if protocol.pairing == "paired":
                shown = [*next(truths)]
            pairs = [_pair(next(names), picture, truth) for picture, truth in zip(pictures, shown, strict=True)]
            batch = Batch(pairs, [Prediction(picture) for picture in pictures])
            for metric in metrics.values():
                metric.update(batch)
            for _ in pictures:
                progress.step()
    if len(sizes) == 1:
        return [*next(iter(sizes))]
    return ", ".join(f"{count} of {width}x{height}" for (height, width), count in sorted(sizes.items()))


def _pair(name: str, prediction: Image, truth: Image | None) -> Pair:
    if truth is not None and truth.shape != prediction.shape:
        raise ValueError(
            f"prediction and reference {name} differ in size ({prediction.shape[1]}x{prediction.shape[0]}, "
            f"{truth.shape[1]}x{truth.shape[0]}): make them equal, or say protocol.size and protocol.resizing=bicubic"
        )
    return Pair(name, NOTHING, NOTHING, NOTHING[..., 0], truth)


def _fill(record: Record, metrics: Mapping[str, PictureMetric]) -> None:
    for name, metric in metrics.items():
        found = metric.compute()
        record.values |= found.values
        # Of these options a command that scores folders has its own, one level further down.
        record.missing |= {
            column: reason.replace("metric.", "protocol.metric.") for column, reason in found.missing.items()
        }
        if found.details:
            record.details[name] = found.details
        if found.protocol:
            record.trust.setdefault("metrics", {})[name] = found.protocol
