"""Soft patterns for drawn scenes: each is a map of relative lightness, about -0.3..0.3, to multiply a colour by."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Lightness = NDArray[np.float32]
Pattern = Callable[[int, int, np.random.Generator], Lightness]
"""(height, width, random stream) -> (height, width)."""


def noise(height: int, width: int, cells: tuple[int, int], rng: np.random.Generator) -> Lightness:
    """Smooth noise of about -1..1 with (rows, columns) of independent values; (height, width)."""
    coarse = rng.uniform(-1, 1, cells).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def grain(height: int, width: int, rng: np.random.Generator) -> Lightness:
    """Independent noise of every pixel, -1..1."""
    return rng.random((height, width), dtype=np.float32) * 2 - 1


def _grid(height: int, width: int) -> tuple[Lightness, Lightness]:
    """Row and column indices as a column and a row vector."""
    return np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]


def _clouds(height: int, width: int, rng: np.random.Generator) -> Lightness:
    rows, _ = _grid(height, width)
    puffs = noise(height, width, (7, 4), rng) + 0.5 * noise(height, width, (14, 9), rng)
    return np.asarray(0.12 * np.clip(puffs, 0, 1) + 0.06 * rows / height, dtype=np.float32)


def _plaster(height: int, width: int, rng: np.random.Generator) -> Lightness:
    return 0.05 * noise(height, width, (5, 5), rng) + 0.02 * grain(height, width, rng)


def _bricks(height: int, width: int, rng: np.random.Generator) -> Lightness:
    rows, columns = _grid(height, width)
    course = max(6, height // 18)
    shifted = columns + course * (rows // course % 2)
    joints = (rows % course < 1) | (shifted % (2 * course) < 1)
    return np.where(joints, np.float32(0.12), 0.05 * noise(height, width, (18, 12), rng)).astype(np.float32)


def _waves(height: int, width: int, rng: np.random.Generator) -> Lightness:
    rows, columns = _grid(height, width)
    swell = np.sin(rows * (60 / height) + 3 * noise(height, width, (6, 5), rng) + columns * (8 / width))
    return 0.08 * swell + 0.05 * noise(height, width, (24, 8), rng)


def _rock(height: int, width: int, rng: np.random.Generator) -> Lightness:
    return 0.12 * noise(height, width, (10, 10), rng) + 0.09 * noise(height, width, (30, 26), rng)


def _meadow(height: int, width: int, rng: np.random.Generator) -> Lightness:
    blades = noise(height, width, (max(2, height // 5), max(2, width // 2)), rng)
    return 0.07 * noise(height, width, (6, 6), rng) + 0.1 * blades


def _grains(height: int, width: int, rng: np.random.Generator) -> Lightness:
    return 0.06 * noise(height, width, (8, 6), rng) + 0.07 * grain(height, width, rng)


def _planks(height: int, width: int, rng: np.random.Generator) -> Lightness:
    rows, _ = _grid(height, width)
    plank = max(7, height // 14)
    tones = rng.uniform(-0.08, 0.08, height // plank + 1).astype(np.float32)[(rows // plank).astype(np.int64)]
    return np.where(rows % plank < 1, np.float32(-0.2), tones + 0.05 * noise(height, width, (height // 2, 5), rng))


def _tiles(height: int, width: int, rng: np.random.Generator) -> Lightness:
    rows, columns = _grid(height, width)
    tile = max(10, height // 9)
    joints = (rows % tile < 1) | (columns % tile < 1)
    return np.where(joints, np.float32(-0.12), 0.05 * noise(height, width, (9, 9), rng)).astype(np.float32)


def _plain(height: int, width: int, rng: np.random.Generator) -> Lightness:
    return 0.02 * grain(height, width, rng)


def _gradient(height: int, width: int, rng: np.random.Generator) -> Lightness:
    rows, columns = _grid(height, width)
    slope = rows / height + rng.uniform(-1, 1) * (columns / width - 0.5) - 0.5
    return (-0.24 * slope).astype(np.float32)


def _stripes(height: int, width: int, rng: np.random.Generator) -> Lightness:
    rows, columns = _grid(height, width)
    angle, period = rng.uniform(0, np.pi), max(5.0, height / rng.uniform(4, 6))
    wave = np.sin((rows * np.sin(angle) + columns * np.cos(angle)) * (2 * np.pi / period))
    return np.asarray(0.11 * np.clip(3 * wave, -1, 1), dtype=np.float32)


def _dots(height: int, width: int, rng: np.random.Generator) -> Lightness:
    rows, columns = _grid(height, width)
    period = max(6.0, height / rng.uniform(3.5, 5))
    bumps = np.cos(rows * (2 * np.pi / period)) * np.cos(columns * (2 * np.pi / period))
    return np.asarray(0.16 * np.clip(4 * (np.abs(bumps) - 0.55), 0, 1) - 0.05, dtype=np.float32)


def _speckles(height: int, width: int, rng: np.random.Generator) -> Lightness:
    return 0.12 * noise(height, width, (max(2, height // 3), max(2, width // 3)), rng)


PATTERNS: dict[str, Pattern] = {
    "clouds": _clouds, "plaster": _plaster, "bricks": _bricks, "waves": _waves, "rock": _rock, "meadow": _meadow,
    "grains": _grains, "planks": _planks, "tiles": _tiles,
}  # fmt: skip
SURFACES: dict[str, Pattern] = {
    "plain": _plain, "gradient": _gradient, "stripes": _stripes, "dots": _dots, "speckles": _speckles,
}  # fmt: skip
