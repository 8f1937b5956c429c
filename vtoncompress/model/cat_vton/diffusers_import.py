"""diffusers, which imports more than it needs: torchvision, and torchao where that is installed."""

from __future__ import annotations

import logging
from typing import Any

from vtoncompress.metric.torchvision_import import make_torchvision_importable

CHATTY = ("torchao", "torch.utils._pytree")


def import_diffusers() -> Any:
    """The package, imported in silence about what it looked for and did not find.

    Raises:
        ValueError: it isn't installed.
    """
    make_torchvision_importable()
    levels = {name: logging.getLogger(name).level for name in CHATTY}
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        import diffusers

        told = diffusers.utils.logging.get_verbosity()
        diffusers.utils.logging.set_verbosity_error()
        from diffusers import AutoencoderKL, UNet2DConditionModel  # noqa: F401 - imported when they are named

        diffusers.utils.logging.set_verbosity(told)
    except ModuleNotFoundError as error:
        raise ValueError(f"CatVTON needs the package {error.name}: pip install 'vtoncompress[diffusion]'") from error
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    return diffusers
