"""From a row name to a network: the one place where names meet classes."""

from asgn.config import ModelConfig
from asgn.models import snle
from asgn.models.backbone import Backbone
from asgn.models.detail import DetailEnhancement
from asgn.models.foreign import build_foreign
from asgn.models.fusion import SentenceFusion
from asgn.models.generator import Generator
from asgn.models.joined import JoinedPointwise
from asgn.models.language import LanguageEncoder
from asgn.models.mobilenet import MobileNetV2
from asgn.models.mobilenet_yolox import MobileNetAndYolox
from asgn.models.paper_generator import PaperGenerator
from asgn.models.pointwise import pointwise, start_glorot
from asgn.models.resnet import ResNet101
from asgn.models.rmi import RecurrentFusion
from asgn.models.semantic import MaskHead, SemanticMaskHead
from asgn.models.spatial import CHANNELS as SPATIAL_CHANNELS
from asgn.models.upsampling import CentredBilinear, Deconvolution, LegacyBilinear
from asgn.models.vgg import VGG16
from asgn.models.vision_transformer import VisionTransformer
from asgn.models.word_embedding import WordEmbedding
from asgn.models.yolox import YoloxNano
from asgn.variants import BackboneName, Variant

_UPSAMPLING: dict[BackboneName, type[CentredBilinear | Deconvolution | LegacyBilinear]] = {
    "SNLE": Deconvolution,
    "V": CentredBilinear,
}


def build_generator(config: ModelConfig, named_by_user: bool = False) -> Generator:
    """The generator of a variant with random weights, or with those that code from outside of the package gives it.

    Args:
        config: whose row may name such code.
        named_by_user: a user named the row, and no file; see `foreign`.

    Raises:
        VariantError: the row name is unknown, or what it names cannot be built.
        CheckpointError: it names code that is not trusted.
        UserError: timm has no such vision transformer, or the image does not divide into its patches.
        MissingExtraError: the backbone is V, and the extra `timm` is not installed.
    """
    variant = Variant.parse(config.variant)
    if variant.builder is None:
        return _build_row(variant, config)
    generator = build_foreign(variant.builder, config, named_by_user)
    generator.freeze_backbone()
    return generator


def _build_row(variant: Variant, config: ModelConfig) -> PaperGenerator:
    assert variant.backbone is not None
    backbone = _build_backbone(variant.backbone, config)
    detail = DetailEnhancement(backbone, variant.detail, config.detail_size) if variant.detail else None
    detail_channels = 0 if detail is None else detail.out_channels
    fusion = _build_fusion(variant, config, detail_channels)
    generator = PaperGenerator(
        backbone=backbone,
        visual=start_glorot(JoinedPointwise(backbone, backbone.output, config.visual_size)),
        detail=detail,
        language=_build_language(variant, config),
        fusion=fusion,
        head=(
            SemanticMaskHead(pointwise(fusion.out_channels, 1), backbone, config.semantic_input, config.semantic_start)
            if variant.semantic
            else MaskHead(pointwise(fusion.out_channels, 1))
        ),
        upsample=_UPSAMPLING.get(variant.backbone, LegacyBilinear)(backbone.stride),
    )
    if variant.backbone == "SNLE":
        snle.initialise(generator)
    return generator


def _build_backbone(name: BackboneName, config: ModelConfig) -> Backbone:
    match name:
        case "SNLE":
            return VGG16(config.conventions)
        case "M":
            return MobileNetV2()
        case "N":
            return YoloxNano()
        case "MN":
            return MobileNetAndYolox()
        case "V":
            return VisionTransformer(config.vit_name, config.image_size)
        case "R" | "D":
            return ResNet101(config.dilation, config.conventions)


def _build_language(variant: Variant, config: ModelConfig) -> LanguageEncoder:
    fed_pads = snle.WORDS if variant.backbone == "SNLE" else None
    words = config.vocabulary_size
    vectors = None
    if config.word_vector_size:
        vectors = WordEmbedding(words, config.trained_words, config.word_vector_size, config.embedding_size)
    return LanguageEncoder(words, config.embedding_size, config.language_size, fed_pads, vectors)


def _build_fusion(
    variant: Variant, config: ModelConfig, detail_channels: int
) -> SentenceFusion | RecurrentFusion:
    image_channels = config.visual_size + SPATIAL_CHANNELS
    if variant.fusion == "LSTM":
        return SentenceFusion(image_channels, detail_channels, config.language_size, config.fusion_size)
    return RecurrentFusion(
        image_channels, detail_channels, config.embedding_size, config.language_size, config.fusion_size
    )
