"""One seed for everything that draws random numbers."""

from __future__ import annotations

import random

import numpy as np
import torch


def set_seed(seed: int) -> None:
    """Seed Python, NumPy's global generator and PyTorch."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - third parties draw from it
    torch.manual_seed(seed)
