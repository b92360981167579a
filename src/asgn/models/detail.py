"""Detail enhancement, DE (Sec. III-B1): features of several depths joined to the fusion."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asgn.models.backbone import Backbone, Features
from asgn.models.pointwise import pointwise


class DetailEnhancement(nn.Module):
    """A 1x1 convolution per layer, brought to the output's grid and to unit length, then concatenated.

    Bilinear downsampling commutes with a 1x1 convolution, so the cells are sampled first. By a whole factor the base
    code's takes every factor-th cell. Unit length matches the other inputs of the fusion (protocol section 7).
    """

    def __init__(self, backbone: Backbone, layers: Sequence[str], size: int) -> None:
        super().__init__()
        self.reduce = nn.ModuleDict({layer: pointwise(backbone.channels[layer], size) for layer in layers})
        self.steps = {layer: backbone.strides[backbone.output] // backbone.strides[layer] for layer in layers}
        self.between_pixels = backbone.between_pixels
        self.out_channels = size * len(layers)

    def forward(self, features: Features) -> Tensor:
        """Backbone features to (B, layers x size, h, w)."""
        reduced = []
        for layer, convolution in self.reduce.items():
            sampled = self._sample(features[layer], self.steps[layer])
            reduced.append(F.normalize(convolution(sampled), dim=1))
        return torch.cat(reduced, dim=1)

    def _sample(self, feature: Tensor, step: int) -> Tensor:
        """(B, C, h, w) to (B, C, h / step, w / step), each output cell read at its own centre."""
        if self.between_pixels and step > 1:
            return F.interpolate(feature, scale_factor=1 / step, mode="bilinear", align_corners=False)
        return feature[..., ::step, ::step]
