import pytest
import torch
from torch.nn import functional as F

from asgn.models.joined import JoinedPointwise
from asgn.models.upsampling import LegacyBilinear
from tests.models.ladder import Ladder

STRIDES = {"fine": 4, "a": 8, "b": 8, "c": 16, "d": 32}
CHANNELS = {"fine": 2, "a": 5, "b": 3, "c": 4, "d": 6}


def maps(side=64):
    source = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(2, CHANNELS[name], side // stride, side // stride, generator=source)
        for name, stride in STRIDES.items()
    }


def on_the_grid(features, names):
    """The joined map itself, which the layer never makes."""
    brought = []
    for name in names:
        feature, stride = features[name], STRIDES[name]
        brought.append(feature[..., ::2, ::2] if stride == 4 else LegacyBilinear(stride // 8)(feature))
    return torch.cat(brought, dim=1)


@pytest.mark.parametrize("names", [("a",), ("a", "b", "c", "d"), ("a", "d"), ("a", "c")])
@pytest.mark.parametrize("bias", [True, False])
def test_the_parts_equal_one_convolution_over_the_joined_map(names, bias):
    torch.manual_seed(1)
    layer = JoinedPointwise(Ladder(STRIDES, channels=CHANNELS, joined=names), "joined", 7, bias=bias)
    features = maps()
    with torch.no_grad():
        whole = F.conv2d(on_the_grid(features, names), layer.weight, layer.bias)
        parts = layer(features)
    assert parts.shape == (2, 7, 8, 8)
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("names", [("fine", "a"), ("fine", "c"), ("c", "d"), ("d",)])
def test_a_layer_comes_to_the_grid_of_the_output_from_finer_and_coarser_maps(names):
    torch.manual_seed(1)
    backbone = Ladder(STRIDES, channels=CHANNELS, joined=("a", "d"))
    backbone.joined["layer"] = names
    layer, features = JoinedPointwise(backbone, "layer", 3), maps()
    with torch.no_grad():
        whole = F.conv2d(on_the_grid(features, names), layer.weight, layer.bias)
        torch.testing.assert_close(layer(features), whole, rtol=1e-5, atol=1e-5)


def test_a_single_map_is_convolved_as_ever():
    torch.manual_seed(1)
    layer, features = JoinedPointwise(Ladder({"a": 8}, channels={"a": 5}), "a", 7), maps()
    assert torch.equal(layer(features), F.conv2d(features["a"], layer.weight, layer.bias))
