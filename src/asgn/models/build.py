"""From a row name to a network: the one place where names meet classes."""

from torch import nn

from asgn.config import ModelConfig
from asgn.errors import VariantError
from asgn.models.backbone import Backbone
from asgn.models.detail import DetailEnhancement
from asgn.models.fusion import SentenceFusion
from asgn.models.generator import Generator
from asgn.models.language import LanguageEncoder
from asgn.models.mobilenet import MobileNetV2
from asgn.models.resnet import ResNet101
from asgn.models.rmi import RecurrentFusion
from asgn.models.semantic import MaskHead, SemanticMaskHead
from asgn.models.spatial import CHANNELS as SPATIAL_CHANNELS
from asgn.models.upsampling import LegacyBilinear
from asgn.variants import Variant


def build_generator(config: ModelConfig) -> Generator:
    """The generator of a variant with random weights.

    Raises:
        VariantError: the row name is unknown.
    """
    variant = Variant.parse(config.variant)
    backbone = _build_backbone(variant)
    detail = _build_detail(variant, backbone, config)
    detail_channels = 0 if detail is None else detail.out_channels
    output_channels = backbone.channels[backbone.output]
    visual = nn.Conv2d(output_channels, config.visual_size, 1)
    nn.init.xavier_uniform_(visual.weight)
    assert visual.bias is not None
    nn.init.zeros_(visual.bias)
    fusion = _build_fusion(variant, config, detail_channels)
    return Generator(
        backbone=backbone,
        visual=visual,
        detail=detail,
        language=LanguageEncoder(config.vocabulary_size, config.embedding_size, config.language_size),
        fusion=fusion,
        head=(
            SemanticMaskHead(fusion.out_channels, output_channels, config.semantic_input)
            if variant.semantic
            else MaskHead(fusion.out_channels)
        ),
        upsample=LegacyBilinear(backbone.strides[backbone.output]),
    )


def _build_backbone(variant: Variant) -> Backbone:
    if variant.backbone == "SNLE":
        raise VariantError("SNLE's backbone FCN-32s is not built yet: choose an R or M row")
    return MobileNetV2() if variant.backbone == "M" else ResNet101()


def _build_detail(variant: Variant, backbone: Backbone, config: ModelConfig) -> DetailEnhancement | None:
    if not variant.detail:
        return None
    channels = {layer: backbone.channels[layer] for layer in variant.detail}
    return DetailEnhancement(channels, backbone.strides, backbone.strides[backbone.output], config.detail_size)


def _build_fusion(
    variant: Variant, config: ModelConfig, detail_channels: int
) -> SentenceFusion | RecurrentFusion:
    image_channels = config.visual_size + SPATIAL_CHANNELS
    if variant.fusion == "LSTM":
        return SentenceFusion(image_channels, detail_channels, config.language_size, config.fusion_size)
    return RecurrentFusion(
        image_channels, detail_channels, config.embedding_size, config.language_size, config.fusion_size
    )
