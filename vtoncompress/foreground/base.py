"""What tells a garment from the background of its photo."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from vtoncompress.data.base import Image


class Foreground(ABC):
    """Makes the mask of a garment that none is given of.

    Another way is one class with this method, and a config in ``conf/foreground`` whose ``_target_`` names it.
    """

    @abstractmethod
    def __call__(self, picture: Image) -> Image:
        """The mask of a photo.

        Args:
            picture: (H, W, 3) uint8, of any size.

        Returns:
            (H, W) uint8, 255 inside the garment, 0 outside, grey on its edge.

        Raises:
            ValueError: nothing stands out.
        """

    def files(self) -> list[Path]:
        """Files of the user's that the masks depend on."""
        return []
