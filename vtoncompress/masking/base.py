"""What makes a mask for a person's photo."""

from __future__ import annotations

from abc import ABC, abstractmethod

from vtoncompress.data.base import Image

KINDS = ("upper", "lower", "overall")
"""Of garments: on the trunk and arms, on hips and legs, or on both, as a dress."""


class Masker(ABC):
    """Says which part of a photo is painted anew when its person puts on another garment.

    A mask of one's own needs no masker: a picture that is white there is given to the call. One that is made by other
    means is one class with this method, and a config in ``conf/masking`` whose ``_target_`` names it.
    """

    @abstractmethod
    def __call__(self, person: Image) -> Image:
        """The mask of a photo.

        Args:
            person: (H, W, 3) uint8, of any size.

        Returns:
            (H, W) uint8, 255 where it is painted anew: the old garment and the body that the new one may cover, with a
            margin, less what must stay, such as face, hair and hands.

        Raises:
            ValueError: nothing is found that could be painted anew.
        """
