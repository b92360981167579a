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
    target = F.avg_pool2d(logits, _SCALE).unsqueeze(1)
    mean, target_mean = _windows(colours), _windows(target)
    joint = _windows(target * colours) - target_mean * mean
    slope = torch.einsum("ijhw,pjhw->pihw", _inverse_covariance(colours, mean), joint)
    offset = target_mean - (slope * mean).sum(1, keepdim=True)
    fitted = _windows(torch.cat([slope, offset], dim=1))
    fitted = F.interpolate(fitted, size=logits.shape[-2:], mode="bilinear", align_corners=False)
    return (fitted[:, :3] * pixels).sum(1) + fitted[:, 3]


def _windows(values: Tensor) -> Tensor:
    """Means over the window around every pixel, of those pixels that there are; rows and columns in turn."""
    side = 2 * RADIUS + 1
    rows = F.avg_pool2d(values, (side, 1), 1, (RADIUS, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, side), 1, (0, RADIUS), count_include_pad=False)


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
