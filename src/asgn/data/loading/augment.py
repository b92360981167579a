"""Variations of a training image that leave what a phrase means: zoom, shift, light, and mirroring."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from asgn.data.loading.mirrored_phrase import mirrored_phrase

_ZOOM = (0.75, 1.2)
_LIGHT = 0.2  # of brightness and saturation, either way


class Variation(NamedTuple):
    """One drawing for an image and all its masks."""

    mirror: bool
    zoom: float
    row: float
    column: float
    """Where the content, or where it is larger the window on it, begins: a share of the room there is."""
    brightness: float
    saturation: float

    def image(self, square: Tensor) -> Tensor:
        """(3, S, S) uint8, varied."""
        moved = self._place(self._mirrored(square).float())
        grey = moved.mean(0, keepdim=True)
        coloured = grey + (moved - grey) * self.saturation
        return (coloured * self.brightness).round().clamp(0, 255).to(torch.uint8)

    def mask(self, square: Tensor) -> Tensor:
        """(S, S) bool, moved as the image is."""
        return self._place(self._mirrored(square)[None].float())[0] >= 0.5

    def phrase(self, text: str) -> str:
        """What would be said of the varied image."""
        return mirrored_phrase(text) if self.mirror else text

    def _mirrored(self, square: Tensor) -> Tensor:
        return square.flip(-1) if self.mirror else square

    def _place(self, content: Tensor) -> Tensor:
        side = content.shape[-1]
        new = round(side * self.zoom)
        if new == side:
            return content
        resized = F.interpolate(content[None], (new, new), mode="bilinear", align_corners=False)[0]
        top, left = round(abs(new - side) * self.row), round(abs(new - side) * self.column)
        if new > side:
            return resized[:, top : top + side, left : left + side]
        return F.pad(resized, (left, side - new - left, top, side - new - top))


def draw_variation(key: tuple[int, ...], *, flip: bool, augment: bool) -> Variation:
    """The variation of a key, such as (seed, step, image), always the same."""
    generator = np.random.default_rng(key)
    mirror = flip and bool(generator.integers(2))
    if not augment:
        return Variation(mirror, 1.0, 0.0, 0.0, 1.0, 1.0)
    zoom, row, column = generator.uniform(*_ZOOM), generator.random(), generator.random()
    brightness, saturation = generator.uniform(1 - _LIGHT, 1 + _LIGHT, 2)
    return Variation(mirror, zoom, row, column, brightness, saturation)
