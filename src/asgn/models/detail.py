"""Detail enhancement, DE (Sec. III-B1): features of several depths joined to the fusion."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asgn.models.backbone import Backbone, Features
from asgn.models.joined import JoinedPointwise
from asgn.models.pointwise import start_glorot


class DetailEnhancement(nn.Module):
    """A 1x1 convolution per layer, brought to the output's grid and to unit length, then concatenated.

    Bilinear downsampling commutes with a 1x1 convolution, so the cells are sampled first. By a whole factor the base
    code's takes every factor-th cell. Unit length matches the other inputs of the fusion (protocol section 7).
    """

    def __init__(self, backbone: Backbone, layers: Sequence[str], size: int) -> None:
        super().__init__()
        self.reduce = nn.ModuleDict(
            {layer: start_glorot(JoinedPointwise(backbone, layer, size)) for layer in layers}
        )
        self.out_channels = size * len(layers)

    def forward(self, features: Features) -> Tensor:
        """Backbone features to (B, layers x size, h, w)."""
        return torch.cat([F.normalize(convolution(features), dim=1) for convolution in self.reduce.values()], dim=1)
