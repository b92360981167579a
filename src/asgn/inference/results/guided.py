"""Logits sharpened along the image's edges: He et al., Guided Image Filtering, 2013.

In every window the logits are taken for a linear function of the colours there. That function is fitted at half of the
resolution (He and Sun, Fast Guided Filter, 2015) and applied to all pixels.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

RADIUS = 3
"""Of the windows, in pixels of the halved square."""
SMOOTHNESS = 1e-4
"""Variance of colours in 0..1 below which a window counts as flat: its logits are smoothed."""
_SCALE = 2


def guide_logits(logits: Tensor, image: Tensor) -> Tensor:
    """Sharpen P phrases' logits along the edges of the image.

    Args:
        logits: (P, S, S) over the network's square.
        image: (3, S, S) uint8 RGB, the padded square that the network saw.

    Returns:
        (P, S, S)
    """
    pixels = image.float() / 255
    colours = F.avg_pool2d(pixels, _SCALE)
    mean = _windows(colours)
    inverse = _inverse_covariance(colours, mean)

    def guided(square: Tensor) -> Tensor:
        target = F.avg_pool2d(square[None], _SCALE)
        target_mean = _windows(target)
        joint = _windows(target * colours) - target_mean * mean
        slope = (inverse * joint).sum(1)
        offset = target_mean - (slope * mean).sum(0, keepdim=True)
        fitted = _windows(torch.cat([slope, offset]))[None]
        fitted = F.interpolate(fitted, size=square.shape, mode="bilinear", align_corners=False)[0]
        return (fitted[:3] * pixels).sum(0) + fitted[3]

    return torch.stack([guided(square) for square in logits])  # one at a time: its maps fit into a processor's cache


def _windows(values: Tensor) -> Tensor:
    """Means over the window around every pixel, of those pixels that there are."""
    for dim in (-2, -1):
        size, border = values.shape[dim], torch.arange(values.shape[dim])
        padded = F.pad(values, (0, 0, RADIUS, RADIUS) if dim == -2 else (RADIUS, RADIUS))
        total = padded.narrow(dim, 0, size).clone()
        for shift in range(1, 2 * RADIUS + 1):
            total += padded.narrow(dim, shift, size)
        count = 1 + border.clamp(max=RADIUS) + border.flip(0).clamp(max=RADIUS)
        values = total / (count.unsqueeze(1) if dim == -2 else count)
    return values


def _inverse_covariance(colours: Tensor, mean: Tensor) -> Tensor:
    """(3, 3, h, w) of the colours (3, h, w) in every window, by cofactors."""
    products = torch.stack([colours[i] * colours[j] for i in range(3) for j in range(i, 3)])
    squares = torch.stack([mean[i] * mean[j] for i in range(3) for j in range(i, 3)])
    rr, rg, rb, gg, gb, bb = _windows(products) - squares
    rr, gg, bb = rr + SMOOTHNESS, gg + SMOOTHNESS, bb + SMOOTHNESS
    rows = torch.stack([
        torch.stack([gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb]),
        torch.stack([gb * rb - rg * bb, rr * bb - rb * rb, rg * rb - rr * gb]),
        torch.stack([rg * gb - gg * rb, rg * rb - rr * gb, rr * gg - rg * rg]),
    ])  # fmt: skip
    determinant = rr * rows[0, 0] + rg * rows[0, 1] + rb * rows[0, 2]
    inverse: Tensor = rows / determinant
    return inverse
