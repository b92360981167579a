"""Is what the phrase names in the image at all? A score in 0..1, and from where on it counts as yes."""

import torch
from torch import Tensor

from asgn.data.transforms import placement_in_square

TOP_SHARE = 0.01
"""The most probable share of the image that the score is taken over: about the smallest object one refers to."""

DOUBTFUL = 0.3, 0.8
"""Presence in which a phrase is weighed against rivals: others hardly change what is said, and cost time."""

DEFAULT_THRESHOLD = 0.5
"""For models that were not calibrated: nothing matches unless this share of the image is probably it."""


def presence_scores(logits: Tensor, height: int, width: int) -> list[float]:
    """Mean probability of the most probable hundredth of the image, for each phrase.

    A lone pixel of noise says little, and an object's size should not matter much: hence neither the maximum nor
    the mean. Models trained with absent phrases, whose target is an empty mask, learn to keep it low for those.

    Args:
        logits: (P, S, S) over the network's square.
        height: of the image, in pixels.
        width: of the image, in pixels.

    Returns:
        P numbers in 0..1.
    """
    inside = _inside(logits, height, width)
    return [float(score) for score in torch.sigmoid(inside.topk(_top(inside), dim=1).values).mean(dim=1)]


def presence_among(logits: Tensor, rivals: Tensor, height: int, width: int) -> float:
    """The score of one phrase, (S, S), whose rivals, (R, S, S), are the same phrase of other kinds of things.

    By as much as the best rival is more probable at the very pixels that the score is taken over, the phrase is taken
    to be less so: what is more of a cat is no dog.
    """
    inside = _inside(logits.unsqueeze(0), height, width)[0]
    top, where = inside.topk(_top(inside))
    best = _inside(rivals, height, width)[:, where].mean(dim=1).max()
    return float(torch.sigmoid(top - (best - top.mean()).clamp(min=0)).mean())


def _inside(logits: Tensor, height: int, width: int) -> Tensor:
    """(P, S, S) to (P, N): the image's pixels."""
    place = placement_in_square(height, width, logits.shape[-1])
    return logits[:, place.top : place.top + place.height, place.left : place.left + place.width].flatten(1)


def _top(inside: Tensor) -> int:
    return max(1, round(TOP_SHARE * inside.shape[-1]))
