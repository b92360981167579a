"""DeepLab on MobileNetV2 at output stride 8: the small backbone `M`, batch norm folded into its convolutions."""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from asgn.models.backbone import Backbone, Features, Normalise


class _Block(NamedTuple):
    """One inverted residual block; hidden channels = expansion x input channels."""

    channels: int
    expansion: int
    stride: int
    dilation: int


_BLOCKS = (
    _Block(16, 1, 1, 1),
    _Block(24, 6, 2, 1),
    _Block(24, 6, 1, 1),
    _Block(32, 6, 2, 1),
    _Block(32, 6, 1, 1),
    _Block(32, 6, 1, 1),
    _Block(64, 6, 1, 1),
    _Block(64, 6, 1, 2),
    _Block(64, 6, 1, 2),
    _Block(64, 6, 1, 2),
    _Block(96, 6, 1, 2),
    _Block(96, 6, 1, 2),
    _Block(96, 6, 1, 2),
    _Block(160, 6, 1, 2),
    _Block(160, 6, 1, 4),
    _Block(160, 6, 1, 4),
    _Block(320, 6, 1, 4),
)
_FIRST_DILATED = 7
_TAPS = {0: "conv1", 2: "conv2", 5: "conv3", 12: "conv4", 16: "conv5"}


class MobileNetV2(Backbone):
    """DeepLab's MobileNetV2 up to its last block.

    Its 3x3 convolutions pad by TensorFlow's SAME rule, whose centres lie on pixel 8 * i only for odd sides
    (DeepLab was trained on 513), so `forward` repeats the last row and column of an even image.
    """

    def __init__(self) -> None:
        super().__init__()
        self.normalise = Normalise(127.5, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0))
        self.stem = SameConv2d(3, 32, stride=2)
        blocks, channels = [], 32
        for block in _BLOCKS:
            blocks.append(InvertedResidual(channels, block))
            channels = block.channels
        self.blocks = nn.ModuleList(blocks)
        self.channels = {"conv1": 16, "conv2": 24, "conv3": 32, "conv4": 96, "conv5": 320}
        self.strides = {"conv1": 2, "conv2": 4, "conv3": 8, "conv4": 8, "conv5": 8}
        self._initialise()

    def _initialise(self) -> None:
        """He's bounds: without batch norm nothing else keeps a signal alive through 52 layers."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear" if "project" in name else "relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Features:
        """Raw RGB images to the outputs of blocks 0, 2, 5, 12 and 16."""
        height, width = images.shape[-2:]
        odd = F.pad(self.normalise(images), (0, 1 - width % 2, 0, 1 - height % 2), mode="replicate")
        return {
            layer: feature[..., : height // self.strides[layer], : width // self.strides[layer]]
            for layer, feature in self.run(odd).items()
        }

    def freeze(self, frozen: bool) -> None:
        """Take the pretrained weights out of training, or put the dilated blocks back.

        The layers before are general, and on their larger maps most of a fine-tuning step's time would go.
        """
        super().freeze(frozen)
        for module in (self.stem, self.blocks[:_FIRST_DILATED]):
            module.requires_grad_(False)

    def run(self, normalised: Tensor) -> Features:
        """Images in -1..1, of any size, to the same maps, aligned as TensorFlow's SAME rule has it."""
        feature, taps = F.relu6(self.stem(normalised)), {}
        for index, block in enumerate(self.blocks):
            feature = block(feature)
            if index in _TAPS:
                taps[_TAPS[index]] = feature
        return taps


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; the input is added where shapes allow."""

    def __init__(self, in_channels: int, block: _Block) -> None:
        super().__init__()
        hidden = in_channels * block.expansion
        self.expand = nn.Conv2d(in_channels, hidden, 1) if block.expansion > 1 else None
        self.dw = SameConv2d(hidden, hidden, stride=block.stride, dilation=block.dilation, groups=hidden)
        self.project = nn.Conv2d(hidden, block.channels, 1)
        self.skip = block.stride == 1 and in_channels == block.channels

    def forward(self, feature: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, H / stride, W / stride)."""
        hidden = feature if self.expand is None else F.relu6(self.expand(feature))
        projected: Tensor = self.project(F.relu6(self.dw(hidden)))
        return feature + projected if self.skip else projected


class SameConv2d(nn.Conv2d):
    """A 3x3 convolution padded by TensorFlow's SAME rule, which depends on the input's size."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int, dilation: int = 1, groups: int = 1) -> None:
        super().__init__(in_channels, out_channels, 3, stride=stride, dilation=dilation, groups=groups)

    def forward(self, feature: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, ceil(H / stride), ceil(W / stride))."""
        top, bottom = self._padding_of(feature.shape[-2])
        left, right = self._padding_of(feature.shape[-1])
        if (top, left) == (bottom, right):
            return F.conv2d(
                feature, self.weight, self.bias, self.stride, (top, left), self.dilation, self.groups
            )
        padded = F.pad(feature, (left, right, top, bottom))
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def _padding_of(self, length: int) -> tuple[int, int]:
        stride, dilation = self.stride[0], self.dilation[0]
        total = max((-(-length // stride) - 1) * stride + 2 * dilation + 1 - length, 0)
        return total // 2, total - total // 2
