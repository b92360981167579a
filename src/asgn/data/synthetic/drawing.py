"""Drawing synthetic scenes: a label map of visible pixels, and the anti-aliased picture that agrees with it.

Labels count the scene's regions from top to bottom, then its shapes from the back to the front.
"""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter

from asgn.data.synthetic.scenes import PALETTE, Region, Scene, Shape
from asgn.data.synthetic.textures import PATTERNS, SURFACES
from asgn.data.types import Image

Labels = NDArray[np.uint8]
"""(S, S): for each pixel the index of the region or shape seen there."""

Outline = tuple[tuple[float, float], ...]
"""Points of a polygon around the origin, for a shape of radius 1; y downwards."""

_OVERSAMPLING = 4
_SHADOW = 0.05
"""Room around a shape for its shadow, as a share of the image's side."""


def draw_labels(scene: Scene, size: int) -> tuple[Labels, list[int]]:
    """The label map (S, S), and how many pixels each shape would show if nothing hid it."""
    labels: Labels = np.zeros((size, size), dtype=np.uint8)
    rows = np.arange(size, dtype=np.float32)[:, None]
    for index, region in enumerate(scene.regions[1:], start=1):
        labels[rows + 0.5 >= _edge(region, size)[None, :]] = index
    full = []
    for index, shape in enumerate(scene.shapes, start=len(scene.regions)):
        window, coverage = _rasterize(shape, size)
        inside: NDArray[np.bool_] = np.asarray(coverage) >= 128
        labels[window][inside] = index
        full.append(int(inside.sum()))
    return labels, full


def draw_image(scene: Scene, size: int) -> Image:
    """The picture (S, S, 3): textured regions, then shapes with a soft shadow and shaded rims."""
    rng = np.random.default_rng(scene.texture_seed)
    canvas = _draw_regions(scene, size, rng)
    for shape in scene.shapes:
        _paint_shape(canvas, shape, rng)
    image: Image = np.clip(canvas + 0.5, 0, 255).astype(np.uint8)
    return image


def _draw_regions(scene: Scene, size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    canvas = np.zeros((size, size, 3), dtype=np.float32)
    rows = np.arange(size, dtype=np.float32)[:, None]
    for region in scene.regions:
        edge = _edge(region, size)
        first = 0 if region is scene.regions[0] else max(0, int(edge.min()) - 1)
        coverage = np.clip(rows[first:] + 1 - edge[None, :], 0, 1)[..., None]
        lightness = PATTERNS[region.material.pattern](size, size, rng)[first:, :, None]
        colour = _varied(region.material.rgb, rng) * (1 + lightness)
        canvas[first:] += coverage * (colour - canvas[first:])
    return canvas


def _edge(region: Region, size: int) -> NDArray[np.float32]:
    """The row of the region's upper edge in each column; (S,)."""
    along = (np.arange(size, dtype=np.float32) + 0.5) / size
    edge = np.full(size, region.height, dtype=np.float32)
    for amplitude, frequency, phase in region.waves:
        angle = 2 * np.pi * frequency * along + phase
        edge += amplitude * (np.arcsin(np.sin(2 * angle)) if region.is_jagged else np.sin(angle))
    edge *= size
    return edge


def _varied(rgb: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """The colour, a little lighter or darker; (3,)."""
    return np.array(rgb, dtype=np.float32) * np.float32(rng.uniform(0.95, 1.05))


def _rasterize(shape: Shape, size: int) -> tuple[tuple[slice, slice], Pillow.Image]:
    """Where the shape lies in an image of side `size`, and its anti-aliased coverage (0..255) there."""
    reach = shape.radius * size * 1.2 + _SHADOW * size + 1
    left, top = max(0, math.floor(shape.x * size - reach)), max(0, math.floor(shape.y * size - reach))
    right, bottom = min(size, math.ceil(shape.x * size + reach)), min(size, math.ceil(shape.y * size + reach))
    fine = Pillow.new("L", ((right - left) * _OVERSAMPLING, (bottom - top) * _OVERSAMPLING))
    pen = ImageDraw.Draw(fine)
    cosine, sine = math.cos(shape.angle), math.sin(shape.angle)
    scale = shape.radius * size * _OVERSAMPLING
    centre_x, centre_y = (shape.x * size - left) * _OVERSAMPLING, (shape.y * size - top) * _OVERSAMPLING
    for outline, fill in zip(_outlines(shape.name), (255, 0), strict=False):
        points = [
            (centre_x + scale * (x * cosine - y * sine), centre_y + scale * (x * sine + y * cosine)) for x, y in outline
        ]
        pen.polygon(points, fill=fill)
    return (slice(top, bottom), slice(left, right)), fine.reduce(_OVERSAMPLING)


def _paint_shape(canvas: NDArray[np.float32], shape: Shape, rng: np.random.Generator) -> None:
    size = len(canvas)
    window, coverage = _rasterize(shape, size)
    blurred = coverage.filter(ImageFilter.GaussianBlur(size / 70))
    alpha = np.asarray(coverage, dtype=np.float32)[..., None] / 255
    soft = np.asarray(blurred, dtype=np.float32)[..., None] / 255
    height, width = alpha.shape[:2]
    patch = canvas[window]
    offset = max(1, size // 80)
    patch[offset:, offset:] *= 1 - 0.3 * soft[:-offset, :-offset]
    lightness = SURFACES[shape.texture](height, width, rng)[..., None]
    rim = 0.72 + 0.28 * np.clip(2.2 * soft - 0.7, 0, 1)
    colour = _varied(PALETTE[shape.colour], rng) * (1 + lightness) * rim
    patch += alpha * (colour - patch)


@cache
def _outlines(name: str) -> tuple[Outline, ...]:
    """The outer outline of a shape, then that of its hole if it has one."""
    if name in _WITH_HOLE:
        solid, share = _WITH_HOLE[name]
        (outer,) = _outlines(solid)
        return outer, tuple((x * share, y * share) for x, y in outer)
    if name in _REGULAR:
        corners, turn, scale = _REGULAR[name]
        return (_polar([scale] * corners, turn),)
    if name == "star":
        return (_polar([1.1, 0.48] * 5, -math.pi / 2),)
    if name == "cross":
        arm = 0.34
        quarter = ((arm, -1.0), (arm, -arm), (1.0, -arm))
        turns = ((1, 0), (0, 1), (-1, 0), (0, -1))
        return (tuple((x * c - y * s, x * s + y * c) for c, s in turns for x, y in quarter),)
    if name == "heart":
        return (tuple(_heart_point(math.tau * step / 48) for step in range(48)),)
    raise ValueError(f"no outline for shape {name!r}")


_REGULAR = {
    "circle": (64, 0.0, 0.95), "square": (4, math.pi / 4, 1.2), "diamond": (4, 0.0, 1.1),
    "triangle": (3, -math.pi / 2, 1.15), "hexagon": (6, 0.0, 1.0),
}  # fmt: skip
"""Corners, angle of the first, and radius of regular polygons."""

_WITH_HOLE = {"ring": ("circle", 0.58), "frame": ("square", 0.62)}
"""The solid shape and the size of the hole relative to it."""


def _polar(radii: list[float], turn: float) -> Outline:
    """A polygon with corners at equal angles and the given radii."""
    angles = (turn + math.tau * step / len(radii) for step in range(len(radii)))
    return tuple(
        (radius * math.cos(angle), radius * math.sin(angle)) for radius, angle in zip(radii, angles, strict=True)
    )


def _heart_point(angle: float) -> tuple[float, float]:
    """The usual heart curve 16 sin^3, scaled to radius 1."""
    x = 16 * math.sin(angle) ** 3
    y = 13 * math.cos(angle) - 5 * math.cos(2 * angle) - 2 * math.cos(3 * angle) - math.cos(4 * angle)
    return x / 16, -(y + 2.5) / 15
