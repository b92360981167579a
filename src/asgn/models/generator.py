"""The contract of every generator: images and phrases in, mask logits on a grid out (docs/own-generator.md)."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from torch import Tensor, nn

from asgn.models.backbone import Backbone, Features
from asgn.models.upsampling import CentredBilinear, LegacyBilinear


class ImageFeatures(NamedTuple):
    """Everything that depends on the image alone, for I images."""

    fusion: tuple[Tensor, ...]
    """The image's share of what meets the phrase, each (I, ...); of the paper's networks (I, C, h, w)."""
    semantic: Tensor | None = None
    """The image's share of the logits with SE, (I, 1, h, w)."""

    def select(self, index: Tensor) -> "ImageFeatures":
        """Features of the images `index`, (P,), one per phrase."""
        semantic = None if self.semantic is None else self.semantic[index]
        return ImageFeatures(tuple(part[index] for part in self.fusion), semantic)

    def of(self, phrase: int) -> "ImageFeatures":
        """What a phrase meets: its own image's features where there is an image for each, else the one image's."""
        if len(self.fusion[0]) == 1:
            return self
        own = slice(phrase, phrase + 1)
        return ImageFeatures(
            tuple(part[own] for part in self.fusion), None if self.semantic is None else self.semantic[own]
        )


class Prediction(NamedTuple):
    """Mask logits of P phrases."""

    grid: Tensor
    """(P, 1, h, w) at the output's stride, where the base loss is taken."""
    pixels: Tensor
    """(P, 1, S, S) upsampled to the input's size."""


class ReferringGenerator(Protocol):
    """What the steps of training ask of anybody's network, which need not inherit from `Generator`."""

    stride: int
    """Pixels between neighbouring logits."""
    first_pixel: int
    """Where in a row of pixels the first logit lies: logit i is compared with pixel first_pixel + stride * i."""

    def __call__(self, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor) -> Prediction:
        """Masks of P phrases over I raw RGB images, (I, 3, S, S) in 0..255; phrase p over image `image_index[p]`.

        `tokens` is (P, T) int64, right-padded; `lengths` (P,).
        """

    @property
    def upsample(self) -> Callable[[Tensor], Tensor]:
        """(P, 1, h, w) at the stride to (P, 1, S, S)."""

    def regularised_weights(self) -> list[Tensor]:
        """The weights that the L2 penalty acts on."""


class Generator(nn.Module):
    """What runs, checkpoints and `Segmenter` take: a `ReferringGenerator` that encodes an image once for all phrases.

    A subclass defines `encode` and `decode`, and sets `backbone` where its image features come from one that may be
    frozen. `upsample` may be another module than the bilinear one, which has cells on pixel stride * i, or in the
    middle of their pixels with a `first_pixel` of stride // 2.
    """

    def __init__(self, stride: int, first_pixel: int = 0) -> None:
        super().__init__()
        self.stride = stride
        self.first_pixel = first_pixel
        self.backbone: Backbone | None = None
        self.upsample: Callable[[Tensor], Tensor] = (CentredBilinear if first_pixel else LegacyBilinear)(stride).forward

    def encode(self, images: Tensor | Features) -> ImageFeatures:
        """Raw RGB images, (I, 3, S, S) in 0..255, or `maps_read` of them, to what every phrase about them shares."""
        raise TypeError(f"{type(self).__name__} does not define encode")

    def decode(self, features: ImageFeatures, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits (P, 1, h, w) of P phrases over one image, or over one image per phrase.

        `tokens` is (P, T) int64, right-padded; `lengths` (P,).
        """
        raise TypeError(f"{type(self).__name__} does not define decode")

    def forward(self, images: Tensor | Features, image_index: Tensor, tokens: Tensor, lengths: Tensor) -> Prediction:
        """Masks of P phrases, phrase p over image `image_index[p]`."""
        grid = self.decode(self.encode(images).select(image_index), tokens, lengths)
        return Prediction(grid, self.upsample(grid))

    @property
    def maps_read(self) -> tuple[str, ...]:
        """Names of the backbone's maps that `encode` takes in the place of images; none where it takes images only."""
        return ()

    def freeze_backbone(self, frozen: bool = True) -> None:
        """Take the backbone out of training, or put it back; its batch norm stays fixed either way."""
        if self.backbone is not None:
            self.backbone.freeze(frozen)

    def backbone_weights(self) -> list[nn.Parameter]:
        """The weights that `freeze_backbone` acts on."""
        return [] if self.backbone is None else list(self.backbone.parameters())

    def regularised_weights(self) -> list[Tensor]:
        """The weights that the L2 penalty acts on: the trained convolutions, those of the backbone left out."""
        left_out = {id(weight) for weight in self.backbone_weights()}
        return [
            weight
            for weight in self.parameters()
            if weight.ndim == 4 and weight.requires_grad and id(weight) not in left_out
        ]
