"""Is what the phrase names in the image at all? A score in 0..1, and from where on it counts as yes."""

import torch
from torch import Tensor

from asgn.data.transforms import placement_in_square

TOP_SHARE = 0.01
"""The most probable share of the image that the score is taken over: about the smallest object one refers to."""

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
    place = placement_in_square(height, width, logits.shape[-1])
    inside = logits[:, place.top : place.top + place.height, place.left : place.left + place.width].flatten(1)
    top = inside.topk(max(1, round(TOP_SHARE * inside.shape[1])), dim=1).values
    return [float(score) for score in torch.sigmoid(top).mean(dim=1)]
