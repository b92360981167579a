import pytest
import torch
from torch import nn

from asgn.config import ModelConfig
from asgn.errors import UserError
from asgn.models.mobilenet import MobileNetV2
from asgn.models.mobilenet_yolox import MobileNetAndYolox
from asgn.models.resnet import ResNet101
from asgn.models.vgg import VGG16
from asgn.models.vision_transformer import VisionTransformer
from asgn.models.yolox import YoloxNano
from tests.models.backbone_contract import BackboneContract, averaging
from tests.models.textbook import dilated_convolution


class TestResNet(BackboneContract):
    @classmethod
    def build(cls):
        return ResNet101()


class TestMobileNet(BackboneContract):
    strip = (8, 800)

    @classmethod
    def build(cls):
        return MobileNetV2()

    def never_trained(self, backbone):
        before_the_dilated = (backbone.stem, *backbone.blocks[:7])
        known = {id(value) for module in before_the_dilated for value in module.parameters()}
        return {name for name, value in backbone.named_parameters() if id(value) in known}


class TestYolox(BackboneContract):
    strip = (32, 3200)

    @classmethod
    def build(cls):
        return YoloxNano()

    def never_trained(self, backbone):
        return {name for name, _ in backbone.named_parameters() if name.startswith(("stem.", "dark2.", "dark3."))}

    def places_behind(self, layer):
        return 0.5


class TestBoth(BackboneContract):
    strip = (32, 3200)

    @classmethod
    def build(cls):
        return MobileNetAndYolox()

    def never_trained(self, backbone):
        of_m = tuple(f"mobilenet.{part}." for part in ("stem", *(f"blocks.{block}" for block in range(7))))
        of_n = ("yolox.stem.", "yolox.dark2.", "yolox.dark3.")
        return {name for name, _ in backbone.named_parameters() if name.startswith(of_m + of_n)}

    def places_behind(self, layer):
        return 0.5 if layer.startswith("n.") else 0


class TestVisionTransformer(BackboneContract):
    strip = (16, 1600)

    @classmethod
    def build(cls):
        return VisionTransformer("test_vit", 64)

    def geometry(self):
        """Every patch sees the whole image: what it adds to itself is left out."""
        backbone = averaging(self.build())
        for block in backbone.network.blocks:
            for last in (block.attn.proj, block.mlp.fc2):
                nn.init.zeros_(last.weight)
                nn.init.zeros_(last.bias)
        backbone.network.norm = nn.Identity()
        return backbone


class NarrowVGG16(VGG16):
    classifier_size = 64


class TestVgg(BackboneContract):
    strip = (32, 800)

    @classmethod
    def build(cls):
        backbone = NarrowVGG16()
        for layer in (backbone.fc6, backbone.fc7):  # torch's start would pass on little but zeros
            nn.init.kaiming_normal_(layer.weight)
        return backbone

    def trained_while_frozen(self, backbone):
        return {"fc6.weight", "fc6.bias", "fc7.weight", "fc7.bias"}


def dilations(stage):
    return [block.conv2.dilation for block in stage]


def test_every_block_of_res4_and_res5_is_dilated():
    with torch.device("meta"):
        backbone = ResNet101()
    assert dilations(backbone.layer2) == [(1, 1)] * 4
    assert dilations(backbone.layer3) == [(2, 2)] * 23
    assert dilations(backbone.layer4) == [(4, 4)] * 3


def test_torchvisions_first_blocks_keep_the_dilation_before():
    with torch.device("meta"):
        backbone = ResNet101("later-blocks")
    assert dilations(backbone.layer3) == [(1, 1)] + [(2, 2)] * 22
    assert dilations(backbone.layer4) == [(2, 2)] + [(4, 4)] * 2


@pytest.mark.parametrize(("stage", "rate"), [("layer3", 2), ("layer4", 4)])
def test_the_first_block_convolves_with_the_stages_rate(stage, rate):
    with torch.device("meta"):
        backbone = ResNet101()
    convolution = getattr(backbone, stage)[0].conv2.to_empty(device="cpu")
    nn.init.normal_(convolution.weight, generator=torch.Generator().manual_seed(0))
    image = torch.randn(9, 11, generator=torch.Generator().manual_seed(1))
    stacked = torch.zeros(1, convolution.in_channels, 9, 11)
    stacked[0, 3] = image
    with torch.no_grad():
        out = convolution(stacked)[0, 5].numpy()
        kernel = convolution.weight[5, 3].numpy()
    assert out == pytest.approx(dilated_convolution(image.numpy(), kernel, rate), abs=1e-5)


def test_vgg_classifies_a_crop_as_its_fully_connected_layers_do():
    torch.manual_seed(0)
    backbone = NarrowVGG16()
    crops = torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    with torch.no_grad():
        pool5 = backbone.features((crops / 255 - mean) / std).flatten(1)  # (2, 512 * 7 * 7)
        fc6 = torch.relu(pool5 @ backbone.fc6.weight.flatten(1).T + backbone.fc6.bias)
        fc7 = torch.relu(fc6 @ backbone.fc7.weight.flatten(1).T + backbone.fc7.bias)
        described = backbone.describe_crops(crops)
    assert described.shape == (2, 64, 1, 1)
    assert described.flatten(1).numpy() == pytest.approx(fc7.numpy(), abs=1e-5)


def test_caffes_conventions_are_the_base_codes():
    with torch.device("meta"):
        ours, theirs = ResNet101(), ResNet101(conventions="caffe")
    assert {module.eps for module in theirs.modules() if isinstance(module, nn.BatchNorm2d)} == {1e-3}
    strides = [(block.conv1.stride, block.conv2.stride) for block in (ours.layer2[0], theirs.layer2[0])]
    assert strides == [((1, 1), (2, 2)), ((2, 2), (1, 1))]
    assert {name: value.shape for name, value in ours.state_dict().items()} == {
        name: value.shape for name, value in theirs.state_dict().items()
    }


def test_caffes_pixels_run_from_blue_to_red_less_their_mean():
    backbone = ResNet101(conventions="caffe")
    seen = []
    backbone.conv1.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    red = torch.tensor([200, 10, 30], dtype=torch.uint8)[None, :, None, None].expand(1, 3, 32, 32)
    with torch.no_grad():
        maps = backbone(red)
    assert maps["conv5"].shape == (1, 2048, 4, 4)
    expected = torch.tensor([30 - 104.00698793, 10 - 116.66876762, 200 - 122.67891434])
    torch.testing.assert_close(seen[0][0, :, 5, 5], expected)
    original = NarrowVGG16("caffe").normalise(red)[0, :, 5, 5]
    torch.testing.assert_close(original, torch.tensor([200 - 123.68, 10 - 116.779, 30 - 103.939]))


def test_other_backbones_have_no_such_conventions():
    with pytest.raises(UserError, match="it is for R, D and SNLE"):
        ModelConfig("M+LSTM", conventions="caffe")
