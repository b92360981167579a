"""The discriminator D (Sec. III-D): does a mask fit its image as true masks do?"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from asgn.models.shared_norm import SharedBatchNorm

WIDTHS = (32, 64, 128, 128, 128)
DROPPED = 0.5
"""Share of channels that dropout sets to 0 (s4GAN)."""

Input = Literal["joined", "mask", "product"]
Norm = Literal["batch", "spectral", "dropout", "none"]
Output = Literal["image", "cell"]

_CHANNELS: dict[Input, int] = {"joined": 4, "mask": 1, "product": 3}


class Discriminator(nn.Module):
    """Six 4x4 convolutions over image and mask joined, five of them of stride 2 (protocol sections 0 and 6).

    Batch norm on layers 2 to 5, LeakyReLU 0.2; the last layer's map is averaged to one logit. It never sees the
    phrase. Real and fake masks are passed in separate calls, so each is normalised by its own statistics. One call
    for both, with statistics apart, was measured and is no faster: nine tenths of the time are convolutions, which run
    at the speed of matrix products (benchmarks/adversarial_ratio.py). LeakyReLU works in place, for less memory.

    The switches hold D back (protocol section 6): `sees` leaves the image out, or lets the mask cut it out; `norm`
    takes spectral norm on every convolution, dropout, or nothing in place of batch norm; `output` keeps a logit a cell.
    """

    def __init__(
        self, sees: Input = "joined", norm: Norm = "batch", output: Output = "image", widths: tuple[int, ...] = WIDTHS
    ) -> None:
        super().__init__()
        self.sees = sees
        self.output = output

        layers: list[nn.Module] = []
        channels = _CHANNELS[sees]
        for depth, width in enumerate(widths):
            layers.append(nn.Conv2d(channels, width, 4, stride=2, padding=1))
            if depth > 0 and norm == "batch":
                layers.append(SharedBatchNorm(width))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            if depth > 0 and norm == "dropout":
                layers.append(nn.Dropout2d(DROPPED))
            channels = width
        layers += [nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(channels, 1, 4)]
        if norm == "spectral":
            layers = [spectral_norm(layer) if isinstance(layer, nn.Conv2d) else layer for layer in layers]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        """Images (P, 3, S, S) in 0..255 and masks (P, 1, S, S) in 0..1 to logits, high for true masks.

        They are (P,), or (P, S / 32, S / 32) with one a cell.
        """
        return self.look(images, masks)[0]

    def look(self, images: Tensor, masks: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The logits, and the features that each layer but the last makes on the way, (P, C, h, w)."""
        feature, features = self._joined(images, masks), []
        for layer in self.layers:
            feature = layer(feature)
            if isinstance(layer, nn.LeakyReLU):
                features.append(feature)
        grid = feature.float()
        return grid.mean(dim=(1, 2, 3)) if self.output == "image" else grid.squeeze(1), features

    def _joined(self, images: Tensor, masks: Tensor) -> Tensor:
        if self.sees == "mask":
            return masks * 2 - 1
        pixels = images.to(masks.dtype) / 127.5 - 1
        return pixels * masks if self.sees == "product" else torch.cat([pixels, masks * 2 - 1], dim=1)
