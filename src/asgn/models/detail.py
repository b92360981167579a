"""Detail enhancement, DE (Sec. III-B1): features of several depths joined to the fusion."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asgn.models.backbone import Features


class DetailEnhancement(nn.Module):
    """A 1x1 convolution per layer, brought to the output's grid and to unit length, then concatenated.

    The base code's bilinear downsampling by a whole factor takes every factor-th cell, which commutes with a 1x1
    convolution; so cells are dropped first. Unit length matches the other inputs of the fusion (protocol section 7).
    """

    def __init__(self, channels: dict[str, int], strides: dict[str, int], output_stride: int, size: int) -> None:
        super().__init__()
        self.reduce = nn.ModuleDict({layer: nn.Conv2d(count, size, 1) for layer, count in channels.items()})
        self.steps = {layer: output_stride // strides[layer] for layer in channels}
        self.out_channels = size * len(channels)
        for convolution in self.reduce.values():
            assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
            nn.init.xavier_uniform_(convolution.weight)
            nn.init.zeros_(convolution.bias)

    def forward(self, features: Features) -> Tensor:
        """Backbone features to (B, layers x size, h, w)."""
        reduced = []
        for layer, convolution in self.reduce.items():
            step = self.steps[layer]
            reduced.append(F.normalize(convolution(features[layer][..., ::step, ::step]), dim=1))
        return torch.cat(reduced, dim=1)
