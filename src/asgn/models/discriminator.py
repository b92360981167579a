"""The discriminator D (Sec. III-D): does a mask fit its photograph as true masks do?"""

import torch
from torch import Tensor, nn

from asgn.models.shared_norm import SharedBatchNorm

WIDTHS = (32, 64, 128, 128, 128)


class Discriminator(nn.Module):
    """Six 4x4 convolutions over image and mask joined, five of them of stride 2 (protocol sections 0 and 6).

    Batch norm on layers 2 to 5, LeakyReLU 0.2; the last layer's map is averaged to one logit. It never sees the
    phrase. Real and fake masks are passed in separate calls, so each is normalised by its own statistics. One call
    for both, with statistics apart, was measured and is no faster: nine tenths of the time are convolutions, which run
    at the speed of matrix products (benchmarks/adversarial_ratio.py). LeakyReLU works in place, for less memory.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 4
        for depth, width in enumerate(widths):
            layers.append(nn.Conv2d(channels, width, 4, stride=2, padding=1))
            if depth > 0:
                layers.append(SharedBatchNorm(width))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            channels = width
        layers += [nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(channels, 1, 4)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        """Images (P, 3, S, S) in 0..255 and masks (P, 1, S, S) in 0..1 to logits (P,), high for true masks."""
        joined = torch.cat([images.to(masks.dtype) / 127.5 - 1, masks * 2 - 1], dim=1)
        grid: Tensor = self.layers(joined)
        return grid.float().mean(dim=(1, 2, 3))
