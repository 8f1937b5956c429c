"""A try-on call as training sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Trace:
    """What a call made, and what it went through on the way.

    Attributes:
        image: (N, 3, H, W) in -1..1.
        flows: of each level, coarsest first, (N, 2, h, w): the (x, y) in the garment that a pixel shows, in pixels of
            the full picture. Empty for a model that does not warp.
        features: what a student may be held against its teacher by, (N, C, h, w) each; C differs where channels were
            pruned, h and w don't.
        inner: what else the model's own loss looks at.
    """

    image: Tensor
    flows: Sequence[Tensor]
    features: Sequence[Tensor]
    inner: Mapping[str, Tensor]
