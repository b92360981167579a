"""The paper's segmentation network F (Sec. III-B), of which every row's generator is made."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asgn.models.backbone import Backbone, Features
from asgn.models.detail import DetailEnhancement
from asgn.models.fusion import SentenceFusion
from asgn.models.generator import Generator, ImageFeatures
from asgn.models.joined import JoinedPointwise
from asgn.models.language import Language, LanguageEncoder
from asgn.models.rmi import RecurrentFusion
from asgn.models.semantic import MaskHead
from asgn.models.spatial import spatial_coordinates


class PaperGenerator(Generator):
    """Backbone, language encoder, fusion and mask head put together."""

    backbone: Backbone
    upsample: nn.Module

    def __init__(
        self,
        backbone: Backbone,
        visual: JoinedPointwise,
        detail: DetailEnhancement | None,
        language: LanguageEncoder,
        fusion: SentenceFusion | RecurrentFusion,
        head: MaskHead,
        upsample: nn.Module,
    ) -> None:
        super().__init__(backbone.stride, backbone.first_pixel)
        self.backbone = backbone
        self.visual = visual
        self.detail = detail
        self.language = language
        self.fusion = fusion
        self.head = head
        self.upsample = upsample
        self.freeze_backbone()

    @property
    def maps_read(self) -> tuple[str, ...]:
        """Names of the backbone's maps that the rest of the network reads."""
        layers = (self.backbone.output, *(self.detail.reduce if self.detail is not None else ()))
        return tuple(dict.fromkeys(name for layer in layers for name in self.backbone.maps_of(layer)))

    def encode(self, images: Tensor | Features) -> ImageFeatures:
        """Raw RGB images, (I, 3, S, S) in 0..255, or `maps_read` of them, to what every phrase about them shares."""
        features = self.backbone(images) if isinstance(images, Tensor) else images
        visual = self.visual(features)
        image = self.describe(visual, spatial_coordinates(visual))
        detail = None if self.detail is None else self.detail(features)
        return ImageFeatures(self.fusion.image_part(image, detail), self.head.image_part(features))

    def describe(self, visual: Tensor, coordinates: Tensor) -> Tensor:
        """The visual layer's map, (I, C, h, w), at unit length, joined with (I or 1, 8, h, w) coordinates."""
        return torch.cat([F.normalize(visual, dim=1), coordinates.expand(len(visual), -1, -1, -1)], dim=1)

    def decode(self, features: ImageFeatures, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits (P, 1, h, w) of P phrases over one image, or over one image per phrase.

        `tokens` is (P, T) int64, right-padded; `lengths` (P,).
        """
        language = self.language(tokens, lengths)
        if torch.is_grad_enabled() or torch.compiler.is_exporting() or tokens.device.type != "cpu":
            return self._logits(features, language)
        return torch.cat([self._logits(features.of(p), language.of(p)) for p in range(len(tokens))])

    def _logits(self, features: ImageFeatures, language: Language) -> Tensor:
        """Logits of phrases; on a processor of one at a time, since what lies between is too large for its caches."""
        logits: Tensor = self.head(self.fusion(features.fusion, language), features.semantic)
        return logits

    def regularised_weights(self) -> list[Tensor]:
        """The convolution weights that the L2 penalty acts on: all but backbone, language and mLSTM gates."""
        parts = [self.visual, self.head, *([self.detail] if self.detail is not None else []), self.fusion]
        return [
            weight
            for part in parts
            for name, weight in part.named_parameters()
            if name.endswith("weight") and not name.startswith("gates_of")
        ]
