"""Small pieces of a mask beside a larger one, which mostly belong to other things like the one asked for."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

LEAST = 0.3
"""Share of the largest piece's summed probability that another must have: both halves of what something hides stay."""


def drop_small_pieces(logits: Tensor) -> Tensor:
    """(P, S, S) logits whose masks are where they are at least 0, negated in pieces that are dropped.

    S is even: pieces are connected blocks of 2 x 2 pixels, corners apart, with any pixel of the mask.
    """
    return torch.stack([_large_alone(square) for square in logits])


def _large_alone(square: Tensor) -> Tensor:
    blocks = F.max_pool2d(square[None], 2)[0]
    pieces, count = ndimage.label((blocks >= 0).numpy())
    if count < 2:
        return square
    weights = np.bincount(pieces.ravel(), torch.sigmoid(blocks).numpy().ravel(), count + 1)
    weights[0] = np.inf
    small = torch.from_numpy(weights < LEAST * weights[1:].max())[torch.from_numpy(pieces).long()]
    return torch.where(small.repeat_interleave(2, 0).repeat_interleave(2, 1), -square.abs() - 1e-6, square)
