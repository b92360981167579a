"""The contract of every image backbone: which feature maps it gives, with how many channels, at which stride."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from torch import Tensor, nn

Conventions = Literal["torchvision", "caffe"]
"""What a backbone's weights were trained with: how pixels are normalised, batch norm's epsilon, where strides sit."""

Features = dict[str, Tensor]
"""Feature maps by name, each (B, channels[name], H / strides[name], W / strides[name])."""


class Backbone(nn.Module):
    """A network that turns an image into feature maps.

    Subclasses set `channels` and `strides` of their maps and hold their own normalisation: `forward` takes raw RGB,
    (B, 3, H, W) in 0..255, uint8 or float, H and W multiples of the largest stride. The layers `conv1` ... `conv5`
    and the `output` are a map each, or those that `joined` names, read as one on the grid of the output. Cell i of
    a map of stride s is centred on pixel s * i, or half a pixel behind; with `between_pixels`, on s * i + (s - 1) / 2,
    the middle of its s x s pixels. The truth is sampled there, from `first_pixel` on every s-th pixel. Batch norm,
    where there is any, always uses its stored statistics (protocol section 3).
    """

    channels: dict[str, int]
    strides: dict[str, int]
    output: str = "conv5"
    joined: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    between_pixels: bool = False

    def maps_of(self, layer: str) -> tuple[str, ...]:
        """The names of the maps that a layer joins, by rising stride."""
        return self.joined.get(layer, (layer,))

    @property
    def stride(self) -> int:
        """Pixels between neighbouring cells of the output's grid."""
        return self.strides[self.maps_of(self.output)[0]]

    @property
    def first_pixel(self) -> int:
        """The pixel of a row that the output's first cell is centred on, or half a pixel before."""
        return self.stride // 2 if self.between_pixels else 0

    def forward(self, images: Tensor) -> Features:
        """Raw RGB images to feature maps, one per layer."""
        raise TypeError(f"{type(self).__name__} does not define forward")

    def freeze(self, frozen: bool) -> None:
        """Take the pretrained weights out of training, or put them back."""
        self.requires_grad_(not frozen)

    def train(self, mode: bool = True) -> "Backbone":
        """Stay in evaluation mode: the stored batch-norm statistics are never updated."""
        del mode
        super().train(False)
        return self


class Normalise(nn.Module):
    """(image / scale - mean) / std per channel; the constants move with the model and are not saved."""

    def __init__(self, scale: float, mean: tuple[float, float, float], std: tuple[float, float, float]) -> None:
        super().__init__()
        self.scale = scale
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", _per_channel(mean), persistent=False)
        self.register_buffer("std", _per_channel(std), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in 0..255 to normalised float."""
        return (images.to(self.mean.dtype) / self.scale - self.mean) / self.std


def _per_channel(values: tuple[float, float, float]) -> Tensor:
    return Tensor(values).view(1, 3, 1, 1)
