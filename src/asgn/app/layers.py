"""Masks as see-through PNG layers that a browser lays over the picture."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from asgn.data.types import Mask
from asgn.inference.results.overlay import Colour

_NOTHING, _FILL, _RIM, _HALO = range(4)
_OPACITY = bytes([0, 105, 255, 170])


def draw_layer(mask: Mask, colour: Colour, width: int, height: int) -> bytes:
    """A mask at the size of the screen's picture: filled with the colour, its rim solid with a light line outside."""
    layer = Pillow.frombytes("P", (width, height), _classify(_resize(mask, width, height)).tobytes())
    layer.putpalette([*colour, *colour, *colour, 255, 255, 255])
    file = io.BytesIO()
    layer.save(file, "PNG", transparency=_OPACITY)
    return file.getvalue()


def read_layer(layer: bytes) -> Mask:
    """The mask of a drawn layer, at the layer's size."""
    classes = np.asarray(Pillow.open(io.BytesIO(layer)))
    mask: Mask = (classes == _FILL) | (classes == _RIM)
    return mask


def _resize(mask: Mask, width: int, height: int) -> Mask:
    picture = Pillow.fromarray(np.where(mask, np.uint8(255), np.uint8(0)))
    shrinks = width < picture.width
    method = Pillow.Resampling.BOX if shrinks else Pillow.Resampling.NEAREST
    resized: Mask = np.asarray(picture.resize((width, height), method)) >= 128
    return resized


def _classify(mask: Mask) -> NDArray[np.uint8]:
    """Each pixel's class (H, W): nothing, fill, rim or halo."""
    thickness = max(1, round(max(mask.shape) / 400))
    padded = np.pad(mask, thickness)
    inner = ndimage.minimum_filter(padded, size=2 * thickness + 1)[thickness:-thickness, thickness:-thickness]
    outer = ndimage.maximum_filter(mask, size=2 * thickness + 1)
    classes = np.full(mask.shape, _NOTHING, dtype=np.uint8)
    classes[outer] = _HALO
    classes[mask] = _RIM
    classes[inner] = _FILL
    return classes
