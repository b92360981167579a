"""Pixels of any depth and kind as (H, W, 3) uint8 RGB."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from asgn.data.types import Image
from asgn.errors import DataError

MAX_PIXELS = 64_000_000
"""Larger images are refused before any pixel is decoded."""

_DEPTHS = (8, 10, 12, 14, 16)


def pillow_to_rgb(image: Pillow.Image, where: str) -> Image:
    """A Pillow image of any mode (see `load_image`). Raises DataError for values that are no pixels."""
    if image.mode.startswith("I;16"):
        return array_to_rgb(np.asarray(image).astype(np.uint16), where)
    if image.mode in ("I", "F"):
        return _wide_to_rgb(np.asarray(image), where)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Pillow.new("RGBA", image.size, (255, 255, 255, 255))
        return np.array(Pillow.alpha_composite(white, image).convert("RGB"))
    return np.array(image.convert("RGB"))


def _wide_to_rgb(values: NDArray[Any], where: str) -> Image:
    """32-bit grey, as arrays are read; as 16-bit values once they exceed 8 bits."""
    if values.size and values.min() >= 0 and 255 < values.max() <= 65535:
        values = np.rint(values).astype(np.uint16)
    return array_to_rgb(values, where)


def refuse_nearly_black(image: Pillow.Image, where: str) -> None:
    """Raise DataError for 16-bit colours that use the lower 12 bits alone: of a channel, Pillow keeps the upper 8."""
    highest = int(np.asarray(image.convert("RGB")).max())
    if highest < 16:
        raise DataError(
            f"{where} would be read as nearly black: its 16-bit colours use the lower 12 bits alone; save it in 8 bits"
        )


def array_to_rgb(values: NDArray[Any], where: str) -> Image:
    """(H, W), (H, W, 1), (H, W, 3) or (H, W, 4) values (see `load_image`). Raises DataError for anything else."""
    if values.ndim == 2:
        values = values[:, :, None]
    if values.ndim != 3 or values.shape[2] not in (1, 3, 4):
        raise DataError(f"{where} has shape {values.shape}: expected (H, W), (H, W, 3) or (H, W, 4)")
    check_size((values.shape[1], values.shape[0]), where)
    values = _to_bytes(values, where)
    if values.shape[2] == 4:
        alpha = values[:, :, 3:].astype(np.float32) / 255
        return np.rint(values[:, :, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return np.array(np.broadcast_to(values, (*values.shape[:2], 3)))


def _to_bytes(values: NDArray[Any], where: str) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        highest = int(values.max())
        bits = next(depth for depth in _DEPTHS if highest < 1 << depth)
        return np.rint(values * (255 / ((1 << bits) - 1))).astype(np.uint8)
    if values.dtype.kind not in "iuf":
        raise DataError(f"{where} holds {values.dtype}, not numbers of pixels")
    low, high = float(values.min()), float(values.max())
    is_float = values.dtype.kind == "f"
    if not (low >= 0 and high <= 255) or (is_float and 1 < high < 2):
        raise DataError(f"{where} has values from {low:g} to {high:g}: expected 0..1 or 0..255")
    scale = 255 if is_float and high <= 1 else 1
    scaled: NDArray[np.uint8] = np.rint(values * scale).astype(np.uint8)
    return scaled


def check_size(size: tuple[int, int], where: str) -> None:
    """Raise DataError for an image (width, height) without pixels, or with too many."""
    width, height = size
    if width < 1 or height < 1:
        raise DataError(f"{where} has no pixels ({width}x{height})")
    if width * height > MAX_PIXELS:
        raise DataError(too_large(where, f" ({width}x{height})"))


def too_large(where: str, size: str = "") -> str:
    """What to say of an image above `MAX_PIXELS`."""
    return f"{where} is too large{size}: at most {MAX_PIXELS // 1_000_000} megapixels; make it smaller first"
