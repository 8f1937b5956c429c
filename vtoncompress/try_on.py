"""A try-on call from pictures to a picture, the same for every runtime; imports no torch, so that it deploys small."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vtoncompress.data.base import Image, Pair
from vtoncompress.export.base import Runtime, Tensors
from vtoncompress.foreground.base import Foreground
from vtoncompress.foreground.plain_background import PlainBackground
from vtoncompress.image import fit_garment, fit_person
from vtoncompress.masking.agnostic import check_agnostic
from vtoncompress.masking.base import Masker
from vtoncompress.masking.none import NoMasker


class TryOn:
    """Puts a garment on a person through an opened network.

    Args:
        runtime: the opened network.
        size: its (height, width) in pixels.
        masker: makes the person's mask for a network that needs one and a call that gives none.
        foreground: makes the garment's likewise; from its plain background where it is None.
    """

    def __init__(
        self,
        runtime: Runtime,
        size: tuple[int, int],
        masker: Masker | None = None,
        foreground: Foreground | None = None,
    ) -> None:
        self.runtime = runtime
        self.size = size
        self.masker = masker or NoMasker()
        self.foreground = foreground or PlainBackground()

    def __call__(
        self,
        person: Image,
        garment: Image,
        garment_mask: Image | None = None,
        agnostic_mask: Image | None = None,
    ) -> Image:
        """The person in the garment, (h, w, 3) uint8 of the network's size.

        Args:
            person: (H, W, 3) uint8, any size; cropped around its centre to the network's aspect.
            garment: (H, W, 3) uint8, any size, the garment on a plain background.
            garment_mask: (H, W) uint8, 255 inside the garment; made by ``foreground`` where it is None. Looked at by
                networks that need it, as is the next.
            agnostic_mask: (H, W) uint8, 255 where the person is painted anew; made by the masker where it is None.

        Raises:
            ValueError: a mask of another size than its picture, no garment to be found, or a person's mask that is
                missing, empty or over everything.
        """
        return to_image(self.runtime(self.prepare(person, garment, garment_mask, agnostic_mask))["image"])

    def prepare(
        self,
        person: Image,
        garment: Image,
        garment_mask: Image | None = None,
        agnostic_mask: Image | None = None,
    ) -> Tensors:
        """What the network is given in a call with the same arguments."""
        return self._of_person(person, agnostic_mask) | self._of_garment(garment, garment_mask)

    def many(self, shown: Sequence[tuple[Image | None, ...]]) -> list[Image]:
        """The pictures of calls with each of these arguments, together as fast as the runtime can."""
        tensors = [self.prepare(*arguments) for arguments in shown]  # type: ignore[arg-type]
        return [to_image(outputs["image"]) for outputs in self.runtime.many(tensors)]

    def with_garment(self, garment: Image, garment_mask: Image | None = None) -> Callable[..., Image] | None:
        """One garment for many people: a call that takes a person and, for networks that need it, the person's mask.

        All that the garment decides is computed now. Arguments and errors as of a call; None where the runtime has no
        such way.
        """
        call = self.runtime.reuse(self._of_garment(garment, garment_mask))
        if call is None:
            return None
        return lambda person, agnostic_mask=None: to_image(call(self._of_person(person, agnostic_mask))["image"])

    def with_person(self, person: Image, agnostic_mask: Image | None = None) -> Callable[..., Image] | None:
        """One person in many garments: a call that takes a garment and its mask; otherwise as :meth:`with_garment`."""
        call = self.runtime.reuse(self._of_person(person, agnostic_mask))
        if call is None:
            return None
        return lambda garment, garment_mask=None: to_image(call(self._of_garment(garment, garment_mask))["image"])

    def with_sampler(self, options: Mapping[str, float]) -> Callable[..., Image]:
        """A call by other ``steps``, ``guidance`` or ``seed`` than the network's own; arguments as of a call.

        Raises:
            ValueError: the network does not paint in steps, or an option is out of range.
        """
        if not options:
            return self
        call = self.runtime.sampled(options, lambda done, steps: None)
        if call is None:
            given = ", ".join(f"{name}={value}" for name, value in options.items())
            raise ValueError(f"{given}: this network does not paint in steps: leave {' and '.join(options)} out")
        return lambda *shown, **named: to_image(call(self.prepare(*shown, **named))["image"])

    def _of_person(self, person: Image, agnostic_mask: Image | None) -> Tensors:
        tensors = {"person": _normalise(fit_person(person, self.size))}
        if "agnostic_mask" in self.runtime.inputs:
            tensors["agnostic_mask"] = _mask(self._agnostic_mask(person, agnostic_mask))
        return tensors

    def _of_garment(self, garment: Image, garment_mask: Image | None) -> Tensors:
        tensors = {"garment": _normalise(fit_garment(garment, self.size))}
        if "garment_mask" in self.runtime.inputs:
            tensors["garment_mask"] = _mask(fit_garment(self._garment_mask(garment, garment_mask), self.size))
        return tensors

    def _garment_mask(self, garment: Image, given: Image | None) -> Image:
        if given is None:
            return self.foreground(garment)
        check_garment_mask(given, garment)
        return given

    def _agnostic_mask(self, person: Image, given: Image | None) -> Image:
        mask = self.masker(person) if given is None else given
        check_agnostic(mask, person)
        fitted = fit_person(mask, self.size)
        check_agnostic(fitted, fitted[..., None])
        return fitted


def check_garment_mask(mask: Image, garment: Image) -> None:
    """ValueError for a mask (H, W) of another size than its garment (H, W, 3)."""
    if mask.shape != garment.shape[:2]:
        raise ValueError(
            f"the mask has {_extent(mask)} pixels and the garment {_extent(garment)}: "
            "give the mask of this very picture, or none"
        )


def to_tensors(person: Image, garment: Image, garment_mask: Image) -> Tensors:
    """Pictures (H, W, 3) and mask (H, W), uint8 -> a :class:`Runtime`'s inputs: v / 127.5 - 1, for the mask v / 255.

    Returns:
        ``person`` and ``garment`` (1, 3, H, W) in -1..1, ``garment_mask`` (1, 1, H, W) in 0..1, float32, contiguous.
    """
    return {
        "person": _normalise(person),
        "garment": _normalise(garment),
        "garment_mask": _mask(garment_mask),
    }


def pair_tensors(pair: Pair) -> Tensors:
    """A pair of a network's size as a :class:`Runtime`'s inputs: those of :func:`to_tensors`, and ``agnostic_mask``
    (1, 1, H, W) in 0..1 where the pair has one."""
    tensors = to_tensors(pair.person, pair.garment, pair.garment_mask)
    if pair.agnostic_mask is not None:
        tensors["agnostic_mask"] = _mask(pair.agnostic_mask)
    return tensors


def to_image(image: NDArray[np.float32]) -> Image:
    """(1, 3, H, W) in -1..1 -> (H, W, 3) uint8: (v + 1) * 127.5 rounded to the nearest (halves to the even), in 0..255.

    The inverse of :func:`to_tensors`, exactly, for every uint8 picture.

    Raises:
        ValueError: the picture holds NaN, as a broken low-precision network gives.
    """
    levels = np.rint((image[0].transpose(1, 2, 0) + np.float32(1)) * np.float32(127.5))
    if np.isnan(levels).any():
        raise ValueError("the network gave NaN: it is broken, or its precision too low")
    return np.ascontiguousarray(levels.clip(0, 255).astype(np.uint8))


def _normalise(picture: Image) -> NDArray[np.float32]:
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1)[None]).astype(np.float32)
    planes /= np.float32(127.5)
    planes -= np.float32(1)
    return planes


def _mask(mask: Image) -> NDArray[np.float32]:
    levels: NDArray[np.float32] = mask[None, None].astype(np.float32) / np.float32(255)
    return levels


def _extent(array: Image) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"
