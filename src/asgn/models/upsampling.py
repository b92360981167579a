"""From the output grid to pixels."""

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
