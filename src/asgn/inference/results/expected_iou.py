"""Where a mask begins: for each phrase at the probability from which the IoU to expect is highest.

At one half, a mask loses what is probable on the whole but nowhere certain: small things and those far off above all.
Of all pixels with probability p, those chosen have the expected intersection sum p, and their union with the truth is
expected to be their number and the p of all others (Nowozin, Optimal decisions from probabilistic models: the
intersection-over-union case, CVPR 2014; the ratio of the two expectations). The best choice is always the most probable
pixels, so that one pass over them in order finds it.
"""

import math

import torch
from torch import Tensor

from asgn.data.transforms import placement_in_square

LEAST = 0.1
"""Probability below which no pixel belongs to a mask: a phrase whose thing is nowhere has an empty one."""
SAMPLES = 52
"""Rows and columns of the square that are looked at."""


def centre_logits(logits: Tensor, height: int, width: int) -> Tensor:
    """Move each phrase's logits so that its threshold is 0.

    Args:
        logits: (P, S, S) over the network's square.
        height: of the image, in pixels.
        width: of the image, in pixels.

    Returns:
        (P, S, S)
    """
    place = placement_in_square(height, width, logits.shape[-1])
    step = max(1, logits.shape[-1] // SAMPLES)
    rows = slice(place.top, place.top + place.height, step)
    columns = slice(place.left, place.left + place.width, step)
    ordered = logits[:, rows, columns].flatten(1).sort(dim=1, descending=True).values
    intersection = torch.sigmoid(ordered).cumsum(1)
    chosen = torch.arange(1, ordered.shape[1] + 1, device=logits.device)
    union = chosen + intersection[:, -1:] - intersection
    last = (intersection / union).argmax(1, keepdim=True)
    following = (last + 1).clamp(max=ordered.shape[1] - 1)
    threshold = (ordered.gather(1, last) + ordered.gather(1, following)) / 2
    return logits - threshold.clamp(min=math.log(LEAST / (1 - LEAST))).unsqueeze(2)
