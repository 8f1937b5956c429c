"""The gate between export and measurement: does the exported network still paint what the torch network paints?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vtoncompress.export.base import Runtime, Tensors
from vtoncompress.progress import tracked

if TYPE_CHECKING:
    from vtoncompress.model.base import TryOnModel

LEVELS_PER_UNIT = 127.5
"""Pictures are in -1..1 here and in 0..255 to the eye."""


class ParityError(ValueError):
    """The exported network differs from the torch network by more than its precision explains."""


def check_parity(model: TryOnModel, runtime: Runtime, inputs: Sequence[Tensors], tolerance: float) -> dict[str, float]:
    """Run both networks on real inputs and compare their pictures.

    Args:
        model: in float32; run in evaluation mode, its training flags are left alone.
        runtime: the exported network, opened.
        inputs: at least one pair.
        tolerance: largest mean absolute difference, in levels of 255.

    Returns:
        Differences of the pictures in levels of 255: ``parity_mean``, ``parity_p999`` (99.9th percentile) and
        ``parity_max``; for networks that warp also ``parity_flow_px``, the mean distance of their flows in pixels.

    Raises:
        ParityError: the mean is above ``tolerance``, or a result isn't finite; the message gives the numbers.
        ValueError: there are no inputs.
    """
    from vtoncompress.export.torch import TorchRuntime

    if not inputs:
        raise ValueError("the parity gate needs at least one pair: give the data set more pairs")
    reference = TorchRuntime(model)
    differences, distances = [], []
    for number, tensors in enumerate(tracked("parity gate", inputs)):
        expected, found = reference(tensors), runtime(tensors)
        for name in expected.keys() & found.keys():
            if not np.isfinite(found[name]).all():
                raise ParityError(f"the exported network's {name} is not finite for pair {number}")
        differences.append(np.abs(found["image"] - expected["image"]) * LEVELS_PER_UNIT)
        if "flow" in expected:
            distances.append(np.linalg.norm(found["flow"] - expected["flow"], axis=1))
    every = np.concatenate(differences)
    result = {
        "parity_mean": float(every.mean()),
        "parity_p999": float(np.percentile(every, 99.9)),
        "parity_max": float(every.max()),
    }
    if distances:
        result["parity_flow_px"] = float(np.concatenate(distances).mean())
    if result["parity_mean"] > tolerance:
        numbers = ", ".join(f"{name.removeprefix('parity_')} {value:.3g}" for name, value in result.items())
        raise ParityError(
            f"the exported network differs from the torch network by {result['parity_mean']:.3g} levels of 255 in the "
            f"mean of {len(inputs)} pairs, {tolerance:g} are allowed ({numbers})"
        )
    return result
