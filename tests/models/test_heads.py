import pytest
import torch
from torch.nn import functional as F

from asgn.models.pointwise import pointwise
from asgn.models.semantic import MaskHead, SemanticMaskHead
from tests.models.ladder import Ladder

BACKBONE = Ladder({"conv5": 8}, channels={"conv5": 12})


@pytest.fixture
def fused():
    return torch.randn(3, 8, 4, 5, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def feature():
    return torch.randn(1, 12, 4, 5, generator=torch.Generator().manual_seed(2))


def test_without_se_the_image_has_no_part(fused, feature):
    head = MaskHead(pointwise(8, 1))
    assert head.image_part({"conv5": feature}) is None
    torch.testing.assert_close(head(fused, None), F.conv2d(fused, head.score.weight, head.score.bias))


@pytest.mark.parametrize("joined", ["prob", "logit", "feat"])
def test_the_split_equals_one_convolution_over_the_concatenation(joined, fused, feature):
    torch.manual_seed(0)
    head = SemanticMaskHead(pointwise(8, 1), BACKBONE, joined)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    score = F.conv2d(fused, head.score.weight, head.score.bias)
    if joined == "feat":
        first, weight, bias = fused, head.score.weight, head.score.bias
    else:
        first = 1 / (1 + torch.exp(-score)) if joined == "prob" else score
        weight, bias = head.weight.view(1, 1, 1, 1), head.semantic.bias
    whole = F.conv2d(
        torch.cat([first, feature.expand(3, -1, -1, -1)], dim=1), torch.cat([weight, head.semantic.weight], dim=1), bias
    )
    torch.testing.assert_close(head(fused, head.image_part({"conv5": feature})), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("joined", ["prob", "logit", "feat"])
def test_semantic_embedding_starts_as_a_rising_function_of_the_base_map(joined, fused, feature):
    head = SemanticMaskHead(pointwise(8, 1), BACKBONE, joined)
    base = F.conv2d(fused, head.score.weight, head.score.bias)
    expected = {"prob": 8 / (1 + torch.exp(-base)) - 4, "logit": base, "feat": base}[joined]
    torch.testing.assert_close(head(fused, head.image_part({"conv5": feature})), expected)


@pytest.mark.parametrize(("joined", "count"), [("prob", 8 + 1 + 1 + 12 + 1), ("logit", 23), ("feat", 8 + 12 + 1)])
def test_parameters_are_those_of_the_textbook_layers(joined, count):
    assert sum(weight.numel() for weight in SemanticMaskHead(pointwise(8, 1), BACKBONE, joined).parameters()) == count


@pytest.mark.parametrize("joined", ["prob", "logit", "feat"])
def test_a_random_start_is_that_of_the_whole_convolution(joined):
    torch.manual_seed(0)
    head = SemanticMaskHead(pointwise(8, 1), BACKBONE, joined, "random")
    inputs = head.semantic.in_channels + (joined != "feat")
    bound = (6 / (inputs + 1)) ** 0.5
    assert head.semantic.weight.abs().max() <= bound
    assert head.semantic.weight.abs().max() > 0.5 * bound
    if joined != "feat":
        assert 0 < abs(head.weight.item()) <= bound
        assert head.semantic.bias.item() == 0
