"""Small pieces of a mask beside a larger one, which mostly belong to other things like the one asked for."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from asgn.inference.phrases.grammar import asks_for_one_thing

LEAST = 0.5
"""Share of the largest piece's summed probability that another must have: both halves of what something hides stay."""
LEAST_OF_MORE = 0.05
"""The same where a phrase asks for more than one thing, or for a region such as the sky."""


def drop_small_pieces(logits: Tensor, phrases: Sequence[Sequence[str]]) -> Tensor:
    """Negate the logits in pieces of a mask that are small beside the largest one.

    Args:
        logits: (P, S, S), with masks where they are at least 0. S is even: pieces are connected blocks of 2 x 2 pixels,
            corners apart, with any pixel of the mask.
        phrases: P phrases as words.

    Returns:
        (P, S, S)
    """
    return torch.stack([_large_alone(square, words) for square, words in zip(logits, phrases, strict=True)])


def _large_alone(square: Tensor, words: Sequence[str]) -> Tensor:
    blocks = F.max_pool2d(square[None], 2)[0]
    pieces, count = ndimage.label((blocks >= 0).numpy())
    if count < 2:
        return square
    weights = np.bincount(pieces.ravel(), torch.sigmoid(blocks).numpy().ravel(), count + 1)
    least = LEAST if asks_for_one_thing(words) else LEAST_OF_MORE
    is_small = weights < least * weights[1:].max()
    is_small[0] = False
    if not is_small.any():
        return square
    small = torch.from_numpy(is_small[pieces])[:, None, :, None].expand(-1, 2, -1, 2).reshape(square.shape)
    return torch.where(small, -square.abs() - 1e-6, square)
