"""Colours as lightness, red against blue, and green against magenta, each of about unit variance in pictures of people.

Nine tenths of what varies in a picture is lightness. An autoencoder that starts from red, green and blue learns that
first, then what goes with it (skin and hair are dark red), and takes thousands of steps to see green against magenta.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

OPPONENTS = ((1 / 3, 1 / 3, 1 / 3), (3.0, 0.0, -3.0), (-2.0, 4.0, -2.0))
"""Of red, green and blue in -1..1; gains by the standard deviations in generated pictures, rounded."""


def opponent_colours(picture: Tensor) -> Tensor:
    """(N, 3, H, W) in -1..1, red, green and blue -> (N, 3, H, W)."""
    return F.conv2d(picture, picture.new_tensor(OPPONENTS)[..., None, None])


def see_opponent_colours(convolution: nn.Conv2d) -> None:
    """Change the initial weights of the first convolution, in place, as if it were given opponent colours."""
    with torch.no_grad():
        weights = torch.einsum("ochw,cr->orhw", convolution.weight, convolution.weight.new_tensor(OPPONENTS))
        convolution.weight.copy_(weights)
