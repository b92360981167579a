import itertools

import pytest
import torch

from asgn.config import ModelConfig
from asgn.models.build import build_generator
from asgn.variants import Variant
from tests.models.variant_contract import WORDS, VariantContract

BACKBONES = ("R", "D", "M", "N", "MN", "V")
BASES = ("SNLE", *(f"{backbone}+{fusion}" for backbone in BACKBONES for fusion in ("LSTM", "RMI")))
DETAILS = ("", "+DE", "+DE(conv1)", "+DE(conv2)", "+DE(conv3)", "+DE(conv1,conv2,conv3)", "+DE(conv4,conv5)")
DETAILS += ("+DE(conv2,conv3,conv4,conv5)", "+DE(conv1,conv2,conv3,conv4,conv5)")


class TestResNetLstm(VariantContract):
    row = "R+LSTM"


class TestDeepLabLstmAllDetail(VariantContract):
    row = "D+LSTM+DE(conv1,conv2,conv3,conv4,conv5)+SE+AT"


class TestDeepLabRmi(VariantContract):
    row = "D+RMI+DE+SE+AT"


class TestMobileNetLstm(VariantContract):
    row = "M+LSTM+DE+SE+AT"


class TestMobileNetRmi(VariantContract):
    row = "M+RMI"


class TestDetectorLstm(VariantContract):
    row = "N+LSTM+DE(conv1,conv2,conv3,conv4,conv5)+SE"


class TestBothLstm(VariantContract):
    row = "MN+LSTM+DE(conv2,conv3,conv4,conv5)+SE+AT"


class TestDetectorRmi(VariantContract):
    row = "N+RMI+DE"


class TestVisionTransformerLstm(VariantContract):
    row = "V+LSTM+DE(conv1,conv2,conv3,conv4,conv5)+SE+AT"

    @classmethod
    def config(cls, **changes):
        return super().config(vit_name="test_vit", **changes)


class TestVisionTransformerRmi(TestVisionTransformerLstm):
    row = "V+RMI+DE"


class TestWordVectors(VariantContract):
    row = "M+LSTM"

    @classmethod
    def config(cls, **changes):
        return super().config(word_vector_size=5, trained_words=13, **changes)

    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls):
        torch.manual_seed(0)
        generator = build_generator(cls.config()).eval()
        generator.language.embedding.set_vectors(torch.randn(WORDS, 5))
        return generator


class TestSemanticLogit(VariantContract):
    row = "M+LSTM+SE"

    @classmethod
    def config(cls, **changes):
        return super().config(semantic_input="logit", **changes)


class TestSemanticFeatures(VariantContract):
    row = "M+LSTM+SE"

    @classmethod
    def config(cls, **changes):
        return super().config(semantic_input="feat", **changes)


class TestSnle(VariantContract):
    row = "SNLE+DE+SE+AT"
    side = 96


@pytest.mark.parametrize(("base", "semantic"), list(itertools.product(BASES, ("", "+SE"))))
def test_every_combination_builds_at_full_size(base, semantic):
    for detail in DETAILS:
        variant = Variant.parse(base + detail + semantic)
        config = ModelConfig.for_variant(variant, 12112)
        with torch.device("meta"):
            generator = build_generator(config)
        outputs = generator.head.score.weight.shape[1]
        assert outputs == config.fusion_size
        assert (generator.detail is None) == (detail == "")


FULL_SIZE = ("R+LSTM+DE+SE+AT", "D+RMI+DE+SE+AT", "SNLE+DE+SE+AT", "M+RMI+DE+SE", "N+LSTM+DE+SE", "MN+RMI+DE+SE")
FULL_SIZE += ("V+LSTM+DE+SE+AT",)
SIZE_AND_CELLS = {"SNLE": (512, 16), "V": (448, 32)}


@pytest.mark.parametrize("row", FULL_SIZE)
def test_the_full_size_gives_full_masks(row):
    config = ModelConfig.for_variant(Variant.parse(row), 12112)
    with torch.device("meta"):
        generator = build_generator(config).to("meta")
    side = config.image_size
    images = torch.empty(1, 3, side, side, dtype=torch.uint8, device="meta")
    index, tokens = torch.zeros(2, dtype=torch.int64, device="meta"), torch.ones(2, 7, dtype=torch.int64, device="meta")
    prediction = generator(images, index, tokens, torch.full((2,), 7, device="meta"))
    assert prediction.grid.shape == (2, 1, side // generator.stride, side // generator.stride)
    assert (side, prediction.grid.shape[-1]) == SIZE_AND_CELLS.get(row.split("+")[0], (320, 40))
    assert prediction.pixels.shape == (2, 1, side, side)
