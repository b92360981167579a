"""Masks drawn as image files: what is not black belongs to the object."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from asgn.data.files.images import decode_file
from asgn.data.types import Mask
from asgn.errors import DataError

_LOSSY = ("JPEG", "MPO", "WEBP", "JPEG2000", "AVIF")
_HALF = 128


class DrawnMask(NamedTuple):
    """A mask, and what one should know of how it was read."""

    mask: Mask
    """(H, W) bool."""
    remark: str
    """Empty where whatever is not black belongs to the object, as it should be."""


def load_mask(path: Path) -> Mask:
    """The mask in an image file of any kind, turned as its EXIF says: (H, W) bool (see `read_drawn_mask`)."""
    return read_drawn_mask(path).mask


def read_drawn_mask(path: Path) -> DrawnMask:
    """The mask in an image file of any kind, turned as its EXIF says, with a remark where it is not plain.

    Black, by its colour rather than its index in a palette, is background; everything else is the object. Formats
    that blur edges (JPEG, WebP) are thresholded at half. Where some pixels are transparent, only opaque ones belong to
    the object; all of them, where every opaque one is black.

    Raises:
        DataError: the file is missing, no image, damaged, too large, or holds values that are no numbers.
    """
    remarks: list[str] = []
    mask = decode_file(path, lambda image, where: _to_mask(image, where, remarks))
    return DrawnMask(mask, "; ".join(remarks))


def _to_mask(image: Pillow.Image, where: str, remarks: list[str]) -> Mask:
    alpha = None
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
    is_grey = image.mode in ("1", "L", "I", "F") or image.mode.startswith("I;16")
    values: NDArray[Any] = np.asarray(image if is_grey else image.convert("RGB"))
    if not np.isfinite(values).all():
        raise DataError(f"{where} holds values that are no numbers")
    brightest = values if is_grey else values.max(axis=2)
    mask: Mask = brightest != 0
    if image.format in _LOSSY:
        mask = brightest >= _HALF
        remarks.append(f"{image.format} blurs edges: what is at least half bright is the object; save masks as PNG")
    if alpha is not None and alpha.min() < alpha.max():
        opaque = alpha >= _HALF
        visible = mask & opaque
        mask = visible if visible.any() else opaque
        remarks.append("what is transparent is background")
    if mask.all():
        remarks.append("no pixel is background: the whole image is the object")
    return mask
