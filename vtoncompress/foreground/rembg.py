"""Masks by rembg's networks, for garments photographed anywhere; an optional package, which fetches its networks."""

from __future__ import annotations

import importlib.util
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from vtoncompress.data.base import Image
from vtoncompress.foreground.base import Foreground

PACKAGE = "rembg"
SMALLEST_SHARE = 0.01
"""Of the picture: a garment is larger."""


class Rembg(Foreground):
    """rembg finds what the photo is of.

    Args:
        model: by rembg's name, such as ``u2net`` or ``isnet-general-use``; rembg downloads it on first use, under a
            licence of its own. ``u2net_custom`` and other ``_custom`` ones are networks of the user's.
        weights: ONNX file of a ``_custom`` model; rembg takes it from below its own folder only (``REMBG_HOME``,
            ``~/.rembg`` where that isn't set).

    Raises:
        ValueError: the package is missing, another model than it has or one that sends photos elsewhere, or weights
            without a ``_custom`` model, and the other way round.
    """

    def __init__(self, model: str = "u2net", weights: str | None = None) -> None:
        if importlib.util.find_spec(PACKAGE) is None:
            raise ValueError(
                "foreground=rembg needs the package rembg: make install EXTRAS=dev,rembg, or pip install "
                "'vtoncompress[rembg]'; without it foreground=plain_background, or give the mask"
            )
        if model.endswith("_custom") != (weights is not None):
            raise ValueError(
                f"foreground.model={model} foreground.weights={weights}: a file of yours goes with a model whose name "
                "ends in _custom, such as u2net_custom, and with no other"
            )
        if weights is not None and not Path(weights).is_file():
            raise ValueError(f"there is no file foreground.weights={weights}: check the path")
        self.model, self.weights = model, weights
        self._check_model()

    def __call__(self, picture: Image) -> Image:
        import rembg

        found = rembg.remove(Pillow.fromarray(picture), session=self._session, only_mask=True)
        mask = np.asarray(found.convert("L"))
        assert mask.shape == picture.shape[:2], "a mask of this very picture"
        if (mask > 127).mean() < SMALLEST_SHARE:
            raise ValueError(f"rembg's {self.model} finds no garment: give its mask as well, or another photo")
        return mask

    def files(self) -> list[Path]:
        return [] if self.weights is None else [Path(self.weights)]

    def _check_model(self) -> None:
        from rembg.sessions import sessions_class

        kinds = {kind.name(): kind for kind in sessions_class}
        local = [name for name, kind in kinds.items() if kind.is_local()]
        if self.model in kinds and self.model not in local:
            raise ValueError(f"foreground.model={self.model} sends photos to a service: choose one that runs here")
        if self.model not in local:
            raise ValueError(f"foreground.model={self.model} is none of rembg's: choose one of {', '.join(local)}")

    @cached_property
    def _session(self) -> Any:
        import rembg

        told = {} if self.weights is None else {"model_path": self.weights}
        try:
            return rembg.new_session(self.model, providers=["CPUExecutionProvider"], **told)
        except (
            Exception
        ) as error:  # of its download, its rules for paths, or ONNX Runtime, which have no base in common
            reason = " ".join(str(error).split())[:200]
            raise ValueError(
                f"rembg can't open {self.weights or self.model} ({reason}): put it into its folder"
            ) from error
