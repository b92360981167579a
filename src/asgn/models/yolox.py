"""YOLOX-nano up to its class branches: the detector's backbone `N`, batch norm folded into its convolutions.

Ge et al., YOLOX: Exceeding YOLO Series in 2021 (arXiv:2107.08430): CSPDarknet with depthwise convolutions, a path
aggregation network, and a decoupled head whose class branches end here, before the predictors. Parts bear the names
of the authors' checkpoint.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asgn.models.backbone import Backbone, Features

_CLASS_MAPS = ("class3", "class4", "class5")
_CLASS_CHANNELS = 64
_POOLS = (5, 9, 13)
_PIXEL_SPREAD = 128
"""By which values in 0..255 are larger than those that a first state of weights is meant for."""
_PYRAMID_GAIN = 5.0
"""On images the class branches' features vary by 3, as MobileNetV2's last do by 2.7, the pyramid's by 0.5."""


class YoloxNano(Backbone):
    """The detector's maps: stem, dark2, its pyramid P3, P4 and P5, and the inputs of its three class predictors.

    It was trained on BGR in 0..255 without normalisation; the first convolution's weights are kept in RGB order. The
    output joins pyramid and class features of all three strides. `forward` raises the pyramid's maps to the scale of
    the others they are joined with, which a common rate of learning serves best. Cells are centred half a pixel
    behind s * i; what the trained detector says there is of the image some 2 to 5 pixels behind, for all strides.
    """

    output = "joined"

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvSiLU(3, 16, 6, stride=2)
        self.dark2 = nn.Sequential(depthwise(16, 32, 2), CrossStage(32, 32, 1))
        self.dark3 = nn.Sequential(depthwise(32, 64, 2), CrossStage(64, 64, 3))
        self.dark4 = nn.Sequential(depthwise(64, 128, 2), CrossStage(128, 128, 3))
        self.dark5 = nn.Sequential(depthwise(128, 256, 2), PyramidPooling(256), CrossStage(256, 256, 1, skip=False))
        self.lateral_conv0 = ConvSiLU(256, 128, 1)
        self.C3_p4 = CrossStage(256, 128, 1, skip=False)
        self.reduce_conv1 = ConvSiLU(128, 64, 1)
        self.C3_p3 = CrossStage(128, 64, 1, skip=False)
        self.bu_conv2 = depthwise(64, 64, 2)
        self.C3_n3 = CrossStage(128, 128, 1, skip=False)
        self.bu_conv1 = depthwise(128, 128, 2)
        self.C3_n4 = CrossStage(256, 256, 1, skip=False)
        width = _CLASS_CHANNELS
        branches = [nn.Sequential(depthwise(width, width), depthwise(width, width)) for _ in range(3)]
        stems = [ConvSiLU(channels, width, 1) for channels in (64, 128, 256)]
        self.head = Head(nn.ModuleList(stems), nn.ModuleList(branches))
        self.channels = {"conv1": 16, "conv2": 32, "conv3": 64, "conv4": 128, "conv5": 256}
        self.strides = {"conv1": 2, "conv2": 4, "conv3": 8, "conv4": 16, "conv5": 32}
        self.channels |= dict.fromkeys(_CLASS_MAPS, width)
        self.strides |= dict(zip(_CLASS_MAPS, (8, 16, 32), strict=True))
        self.joined = {"joined": ("conv3", "class3", "conv4", "class4", "conv5", "class5")}
        self._initialise()

    def _initialise(self) -> None:
        """He's bounds: without batch norm nothing else keeps a signal alive through so many layers."""
        for module in self.modules():
            if isinstance(module, ConvSiLU):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        with torch.no_grad():
            self.stem.weight /= _PIXEL_SPREAD

    def freeze(self, frozen: bool) -> None:
        """Take the pretrained weights out of training, or put back those behind dark3.

        The layers before are general, and on their larger maps most of a fine-tuning step's time would go.
        """
        super().freeze(frozen)
        for module in (self.stem, self.dark2, self.dark3):
            module.requires_grad_(False)

    def forward(self, images: Tensor) -> Features:
        """Raw RGB images to the maps."""
        maps = self.run(images.to(self.stem.weight.dtype))
        return maps | {name: maps[name] * _PYRAMID_GAIN for name in ("conv3", "conv4", "conv5")}

    def run(self, images: Tensor) -> Features:
        """RGB images in 0..255, of any size that is a multiple of 32, to the detector's own maps."""
        conv1 = self.stem(images)
        conv2 = self.dark2(conv1)
        dark3 = self.dark3(conv2)
        dark4 = self.dark4(dark3)
        lateral5 = self.lateral_conv0(self.dark5(dark4))
        lateral4 = self.reduce_conv1(self.C3_p4(torch.cat([_doubled(lateral5), dark4], dim=1)))
        p3 = self.C3_p3(torch.cat([_doubled(lateral4), dark3], dim=1))
        p4 = self.C3_n3(torch.cat([self.bu_conv2(p3), lateral4], dim=1))
        p5 = self.C3_n4(torch.cat([self.bu_conv1(p4), lateral5], dim=1))
        maps = {"conv1": conv1, "conv2": conv2, "conv3": p3, "conv4": p4, "conv5": p5}
        for level, (name, pyramid) in enumerate(zip(_CLASS_MAPS, (p3, p4, p5), strict=True)):
            maps[name] = self.head.cls_convs[level](self.head.stems[level](pyramid))
        return maps


class Head(nn.Module):
    """The class branches of the three strides."""

    def __init__(self, stems: nn.ModuleList, branches: nn.ModuleList) -> None:
        super().__init__()
        self.stems = stems
        self.cls_convs = branches


class ConvSiLU(nn.Conv2d):
    """A convolution, batch norm folded into it, and SiLU."""

    def __init__(self, in_channels: int, out_channels: int, size: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(in_channels, out_channels, size, stride, (size - 1) // 2, groups=groups)

    def forward(self, feature: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, H / stride, W / stride)."""
        return F.silu(super().forward(feature))


def depthwise(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """A 3x3 filter of each channel, then a 1x1 convolution."""
    filtered = ConvSiLU(in_channels, in_channels, 3, stride=stride, groups=in_channels)
    return nn.Sequential(OrderedDict(dconv=filtered, pconv=ConvSiLU(in_channels, out_channels, 1)))


class CrossStage(nn.Module):
    """Half of the channels go through bottlenecks, half around them; a 1x1 convolution joins both."""

    def __init__(self, in_channels: int, out_channels: int, blocks: int, *, skip: bool = True) -> None:
        super().__init__()
        hidden = out_channels // 2
        self.conv1 = ConvSiLU(in_channels, hidden, 1)
        self.conv2 = ConvSiLU(in_channels, hidden, 1)
        self.m = nn.Sequential(*(Bottleneck(hidden, skip) for _ in range(blocks)))
        self.conv3 = ConvSiLU(2 * hidden, out_channels, 1)

    def forward(self, feature: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, H, W)."""
        through, around = self.conv1(feature), self.conv2(feature)
        joined: Tensor = self.conv3(torch.cat([self.m(through), around], dim=1))
        return joined


class Bottleneck(nn.Module):
    """A 1x1 convolution and a depthwise one, added to their input with `skip`."""

    def __init__(self, channels: int, skip: bool) -> None:
        super().__init__()
        self.conv1 = ConvSiLU(channels, channels, 1)
        self.conv2 = depthwise(channels, channels)
        self.skip = skip

    def forward(self, feature: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        filtered: Tensor = self.conv2(self.conv1(feature))
        return feature + filtered if self.skip else filtered


class PyramidPooling(nn.Module):
    """The map and its maxima over 5, 9 and 13 cells, joined by a 1x1 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvSiLU(channels, channels // 2, 1)
        self.conv2 = ConvSiLU(2 * channels, channels, 1)
        self.pool = nn.MaxPool2d(_POOLS[0], 1, _POOLS[0] // 2)

    def forward(self, feature: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape; twice and three times over 5 cells are over 9 and 13."""
        maps = [self.conv1(feature)]
        for _ in _POOLS:
            maps.append(self.pool(maps[-1]))
        joined: Tensor = self.conv2(torch.cat(maps, dim=1))
        return joined


def _doubled(feature: Tensor) -> Tensor:
    return F.interpolate(feature, scale_factor=2.0, mode="nearest")
