"""What one phrase found in one photograph, and the way there from the network's logits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from asgn.data.files.masks import encode_rle
from asgn.data.transforms import crop_and_resize, resize_and_crop
from asgn.data.types import Mask
from asgn.inference.phrases.reader import Reading

THRESHOLD = 1e-9
"""A pixel belongs to the mask where its logit reaches this: probability one half (protocol section 5)."""


@dataclass(frozen=True)
class Segmentation:
    """What one phrase refers to in one photograph."""

    phrase: str
    mask: Mask
    """(H, W) bool, at the photograph's own size; empty where nothing matches."""
    score: float
    """Mean probability over the mask; 0 where the mask is empty."""
    presence: float
    """0..1: how likely what the phrase names is in the photograph at all (see `presence_scores`)."""
    reading: Reading
    """How the model read the phrase's words."""
    pixel_logits: Tensor = field(repr=False)
    """(S, S) logits over the network's square."""

    @property
    def found(self) -> bool:
        """Whether anything matches."""
        return bool(self.mask.any())

    @property
    def unknown(self) -> tuple[str, ...]:
        """Words of the phrase that the model has never seen and could not read for others."""
        return tuple(self.reading.nearest)

    @property
    def cut(self) -> tuple[str, ...]:
        """Words behind the twentieth, which were not read."""
        return self.reading.encoded.cut

    @property
    def read_as(self) -> Mapping[str, str]:
        """Words of the phrase that were read as others: slips of the pen, and everyday words for known ones."""
        return self.reading.read_as

    @cached_property
    def prob(self) -> NDArray[np.float32]:
        """(H, W) probability that a pixel belongs to the referent, whether or not anything matches."""
        return probability(self.pixel_logits, *self.mask.shape)

    @cached_property
    def rle(self) -> dict[str, Any]:
        """The mask as pycocotools takes it: {"size": [H, W], "counts": str}."""
        return encode_rle(self.mask)

    def to_pil(self) -> Pillow.Image:
        """The mask as an 8 bit grey image of 0 and 255."""
        return Pillow.fromarray(self.mask.view(np.uint8) * np.uint8(255))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The mask, not copied, for `np.asarray`."""
        return np.array(self.mask, dtype=dtype) if copy else np.asarray(self.mask, dtype=dtype)


def segmentations(
    phrases: Sequence[str],
    readings: Sequence[Reading],
    logits: Tensor,
    presences: Sequence[float],
    threshold: float,
    size: tuple[int, int],
) -> list[Segmentation]:
    """The results of P phrases from their logits.

    Args:
        phrases: as they were asked.
        readings: of the phrases.
        logits: (P, S, S) over the network's square.
        presences: of the phrases, from `presence_scores`.
        threshold: presence below which nothing matches, so that the mask is left empty.
        size: height and width of the photograph, in pixels.
    """
    masks = binarise(logits, *size)
    results = []
    for phrase, reading, mask, presence, square in zip(phrases, readings, masks, presences, logits, strict=True):
        shown = mask if presence >= threshold else np.zeros_like(mask)
        score = mean_probability(square) if shown.any() else 0.0
        results.append(Segmentation(phrase, shown, score, presence, reading, square))
    return results


def binarise(logits: Tensor, height: int, width: int) -> list[Mask]:
    """(P, S, S) logits to P masks (height, width): resize, then threshold."""
    return [(crop_and_resize(square, height, width) >= THRESHOLD).numpy() for square in logits]


def binarise_reference(logits: Tensor, height: int, width: int) -> list[Mask]:
    """(P, S, S) logits to P masks (height, width): threshold, then resize, keeping every touched pixel."""
    return [(resize_and_crop((square >= THRESHOLD).float(), height, width) > 0).numpy() for square in logits]


def probability(logits: Tensor, height: int, width: int) -> NDArray[np.float32]:
    """(S, S) logits to probabilities (height, width)."""
    prob: NDArray[np.float32] = torch.sigmoid(crop_and_resize(logits, height, width)).numpy()
    return prob


def mean_probability(logits: Tensor) -> float:
    """Mean probability over the foreground of (S, S) logits; 0 without any."""
    foreground = logits[logits >= THRESHOLD]
    return float(torch.sigmoid(foreground).mean()) if len(foreground) else 0.0
