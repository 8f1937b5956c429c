"""Features of reference pictures, computed once for all that is compared with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from vtoncompress.data.base import Image, TryOnData
from vtoncompress.evaluation.pictures import read_chunks
from vtoncompress.metric.distribution import choose_extractor
from vtoncompress.metric.extractor import CHUNK
from vtoncompress.metric.known_features import write
from vtoncompress.progress import Progress


def make(config: Mapping[str, Any], out: Path) -> None:
    """Of pictures in files.

    Args:
        config: ``pictures``: ``size``, ``resizing`` and ``files``, in order; ``extractor``: what
            :func:`vtoncompress.metric.distribution.choose_extractor` takes.
        out: the artifact's folder.
    """
    told = config["pictures"]
    size = told["size"] and (told["size"][0], told["size"][1])
    chunks = read_chunks([Path(file) for file in told["files"]], size, told["resizing"])
    _write(chunks, len(told["files"]), config, out)


def make_persons(config: Mapping[str, Any], out: Path) -> None:
    """Of the photos of all people of a data set. ``config``: ``data``, and ``extractor`` as for :func:`make`."""
    data: TryOnData = instantiate(config["data"])
    _write(_persons(data), len(data), config, out)


def _write(chunks: Iterator[list[Image]], count: int, config: Mapping[str, Any], out: Path) -> None:
    with Progress("reference pictures", count) as progress:

        def counted() -> Iterator[Sequence[Image]]:
            for pictures in chunks:
                yield pictures
                for _ in pictures:
                    progress.step()

        write(counted(), count, choose_extractor(**config["extractor"]), out)


def _persons(data: TryOnData) -> Iterator[list[Image]]:
    """As a run's metrics would look at them, so that the last bits are the same."""
    for start in range(0, len(data), CHUNK):
        yield [data.person(index) for index in range(start, min(start + CHUNK, len(data)))]
