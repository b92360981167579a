"""Is what the phrase names in the image at all? A score in 0..1, and from where on it counts as yes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from asgn.data.transforms import placement_in_square

TOP_SHARE = 0.01
"""The most probable share of the image that the score is taken over: about the smallest object one refers to."""

DEFAULT_THRESHOLD = 0.5
"""For models that were not calibrated: nothing matches unless this share of the image is probably it."""


def presence_scores(
    logits: Tensor, height: int, width: int, rivals: Sequence[Tensor | None] | None = None
) -> list[float]:
    """Mean probability of the most probable hundredth of the image, for each phrase.

    A lone pixel of noise says little, and an object's size should not matter much: hence neither the maximum nor
    the mean. Models trained with absent phrases, whose target is an empty mask, learn to keep it low for those.

    A rival is the same phrase of another kind of thing. By as much as the best of them is more probable at those very
    pixels, the phrase itself is taken to be less so: what is more of a cat is no dog.

    Args:
        logits: (P, S, S) over the network's square.
        height: of the image, in pixels.
        width: of the image, in pixels.
        rivals: for each phrase the logits of its rivals, (R, S, S); None where it has none.

    Returns:
        P numbers in 0..1.
    """
    inside = _inside(logits, height, width)
    top, where = inside.topk(max(1, round(TOP_SHARE * inside.shape[1])), dim=1)
    for row, found in enumerate(rivals or ()):
        if found is not None:
            best = _inside(found, height, width)[:, where[row]].mean(dim=1).max()
            top[row] -= (best - top[row].mean()).clamp(min=0)
    return [float(score) for score in torch.sigmoid(top).mean(dim=1)]


def _inside(logits: Tensor, height: int, width: int) -> Tensor:
    """(P, S, S) to (P, N): the image's pixels."""
    place = placement_in_square(height, width, logits.shape[-1])
    return logits[:, place.top : place.top + place.height, place.left : place.left + place.width].flatten(1)
