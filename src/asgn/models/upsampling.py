"""From the output grid to pixels."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LegacyBilinear(nn.Module):
    """TensorFlow 1's `resize_bilinear` by a whole factor: pixel p reads cell p / factor (protocol section 3).

    Cell i lands exactly on pixel factor * i, and pixels behind the last cell repeat it.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, grid: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, factor * h, factor * w)."""
        height, width = grid.shape[-2] * self.factor, grid.shape[-1] * self.factor
        closed = F.pad(grid, (0, 1, 0, 1), mode="replicate")
        size = (height + 1, width + 1)
        return F.interpolate(closed, size=size, mode="bilinear", align_corners=True)[..., :height, :width]


class CentredBilinear(nn.Module):
    """Bilinear upsampling by a whole factor of cells that are the middle of their pixels, as patches are.

    Cell i lands on factor * i + (factor - 1) / 2, and pixels before the first and behind the last cell repeat it.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, grid: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, factor * h, factor * w)."""
        return F.interpolate(grid, scale_factor=float(self.factor), mode="bilinear", align_corners=False)


class Deconvolution(nn.Module):
    """SNLE's trained upsampling: a transposed convolution that starts as bilinear interpolation.

    Its kernel spans 2 * factor pixels and has no bias. At the start cell i lands on pixel factor * i + factor / 2,
    as in the original code, and what lies outside of the grid counts as 0 (protocol section 8).
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.weight = nn.Parameter(bilinear_kernel(factor)[None, None])

    def forward(self, grid: Tensor) -> Tensor:
        """(B, 1, h, w) to (B, 1, factor * h, factor * w)."""
        return F.conv_transpose2d(grid, self.weight, stride=self.factor, padding=self.factor // 2)


def bilinear_kernel(factor: int) -> Tensor:
    """(2 * factor, 2 * factor): a pyramid of height 1 whose peak is at (factor, factor)."""
    ramp = 1 - (torch.arange(2 * factor) - factor).abs() / factor
    return torch.outer(ramp, ramp)
