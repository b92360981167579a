"""Linear layers over joined maps of different strides, without ever making the joined map."""

from itertools import groupby

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asgn.models.backbone import Backbone, Features
from asgn.models.upsampling import LegacyBilinear


class JoinedPointwise(nn.Conv2d):
    """A 1x1 convolution of one of a backbone's layers, brought to the grid of its output.

    Maps of the layer are concatenated, finer ones sampled and coarser ones upsampled to the grid. Both commute with a
    1x1 convolution: W.[a; up(b)] = Wa.a + up(Wb.b), so that each part is computed on the smaller of the two grids.
    Finer maps are sampled as the base code does, every step-th cell, or bilinearly where cells lie between pixels.
    """

    def __init__(self, backbone: Backbone, layer: str, out_channels: int, *, bias: bool = True) -> None:
        maps = backbone.maps_of(layer)
        super().__init__(sum(backbone.channels[name] for name in maps), out_channels, 1, bias=bias)
        self.groups_by_stride = [
            (stride, tuple(names)) for stride, names in groupby(maps, key=lambda name: backbone.strides[name])
        ]
        self.widths = [sum(backbone.channels[name] for name in names) for _, names in self.groups_by_stride]
        self.grid_stride = backbone.stride
        self.between_pixels = backbone.between_pixels

    def forward(self, features: Features) -> Tensor:  # type: ignore[override]
        """Maps by name to (B, out, h, w) on the output's grid."""
        columns = torch.split(self.weight, self.widths, dim=1)
        parts = [
            self._part(features, stride, names, weight)
            for (stride, names), weight in zip(self.groups_by_stride, columns, strict=True)
        ]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def _part(self, features: Features, stride: int, names: tuple[str, ...], weight: Tensor) -> Tensor:
        """The share of the maps of one stride; the first has the bias, which upsampling would not change."""
        bias = self.bias if stride == self.groups_by_stride[0][0] else None
        sampled = [self._sample(features[name], self.grid_stride // stride) for name in names]
        part = F.conv2d(sampled[0] if len(sampled) == 1 else torch.cat(sampled, dim=1), weight, bias)
        factor = stride // self.grid_stride
        return LegacyBilinear(factor)(part) if factor > 1 else part

    def _sample(self, feature: Tensor, step: int) -> Tensor:
        """(B, C, h, w) to (B, C, h / step, w / step), each output cell read at its own centre."""
        if step <= 1:
            return feature
        if self.between_pixels:
            return F.interpolate(feature, scale_factor=1 / step, mode="bilinear", align_corners=False)
        return feature[..., ::step, ::step]
