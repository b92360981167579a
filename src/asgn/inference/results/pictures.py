"""Masks and pictures as PNG files."""

from pathlib import Path

import numpy as np
from PIL import Image

from asgn.data.types import Mask
from asgn.files import atomic_write


def mask_picture(mask: Mask) -> Image.Image:
    """A mask (H, W) as an 8 bit grey image of 0 and 255."""
    return Image.fromarray(mask.view(np.uint8) * np.uint8(255))


def write_picture(path: Path, picture: Image.Image) -> None:
    """Write a picture as PNG. Raises OutputError."""
    atomic_write(path, lambda temporary: picture.save(temporary, format="PNG"))
