"""The backbone V: what it takes of timm's networks, and whose weights it takes."""

import json
import sys
from dataclasses import asdict

import pytest
import timm
import torch
from safetensors.torch import save_file

from asgn.config import ModelConfig
from asgn.errors import CheckpointError, MissingExtraError, UserError
from asgn.models.build import build_generator
from asgn.models.pretrained import Provenance, load_backbone_weights
from asgn.models.vision_transformer import VisionTransformer
from asgn.variants import Variant

ROW = Variant.parse("V+LSTM")
DINO = "vit_small_patch14_dinov2.lvd142m"
COLLECTION = "LVD-142M (images chosen from the web; not known whether MS-COCO's are among them)"


def build(image_size=64, name="test_vit"):
    sizes = {"embedding_size": 4, "language_size": 4, "fusion_size": 4, "visual_size": 8}
    return build_generator(ModelConfig.for_variant(ROW, 20, image_size=image_size, vit_name=name, **sizes))


def published(**changes):
    """timm's network with its head, as a file of it would be."""
    torch.manual_seed(7)
    return timm.create_model("test_vit", **changes)


def test_the_maps_are_the_patch_tokens_behind_each_quarter():
    torch.manual_seed(0)
    backbone = VisionTransformer("test_vit", 64)
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        maps = backbone(images)
        tokens = backbone.network._pos_embed(backbone.network.patch_embed((images / 255 - 0.5) / 0.5))
        expected = []
        for block in backbone.network.blocks:
            tokens = block(tokens)
            expected.append(backbone.network.norm(tokens)[:, 1:])
    for layer, block in {"conv1": 0, "conv2": 1, "conv3": 2, "conv4": 4, "conv5": 5}.items():
        torch.testing.assert_close(maps[layer].flatten(2).transpose(1, 2), expected[block], msg=layer)


def test_the_default_is_dinov2s_small_network():
    config = ModelConfig.for_variant(ROW, 20)
    with torch.device("meta"):
        backbone = build_generator(config).backbone
    assert (backbone.name, config.image_size) == (DINO, 448)
    assert backbone.blocks == {"conv1": 0, "conv2": 2, "conv3": 5, "conv4": 8, "conv5": 11}
    assert (backbone.stride, set(backbone.channels.values())) == (14, {384})
    assert backbone.network.pos_embed.shape == (1, 1 + 32 * 32, 384)
    assert VisionTransformer("test_vit", 64).normalise.mean.flatten().tolist() == [0.5] * 3


OTHERS = ("vit_small_patch14_reg4_dinov2", "eva02_tiny_patch14_224", "vit_base_patch16_siglip_224")


@pytest.mark.parametrize("name", OTHERS)
def test_other_kinds_of_vision_transformers_fit(name):
    with torch.device("meta"):
        backbone = VisionTransformer(name, 112)
    maps = backbone.to("meta")(torch.empty(1, 3, 112, 112, device="meta"))
    cells = 112 // backbone.stride
    assert {tuple(feature.shape) for feature in maps.values()} == {(1, backbone.channels["conv5"], cells, cells)}


@pytest.mark.parametrize(
    ("name", "size", "line"),
    [
        (DINO, 320, rf"image_size 320 does not .* patches of {DINO}, 14 x 14 pixels: give a multiple of 112"),
        (DINO.replace("small", "smal"), 448, f"did you mean '{DINO}'"),
        (DINO.replace("lvd", "lvb"), 448, f"is no model of timm: did you mean '{DINO}'"),
        ("resnet18", 64, "is no vision transformer with one grid of patches"),
        ("swin_tiny_patch4_window7_224", 224, "is no vision transformer with one grid of patches"),
    ],
)
def test_what_does_not_fit_is_one_line(name, size, line):
    with torch.device("meta"), pytest.raises(UserError, match=line) as error:
        VisionTransformer(name, size)
    assert "\n" not in str(error.value)


def test_without_timm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"timm is not installed: run `pip install 'asgn\[timm\]'`"):
        build()


def test_a_file_of_another_size_is_loaded_as_timm_does_it(tmp_path):
    network = published()
    save_file({f"module.{name}": value for name, value in network.state_dict().items()}, tmp_path / "vit.safetensors")
    generator = build(96)
    provenance = load_backbone_weights(generator, ROW, tmp_path / "vit.safetensors")
    overlay = {"state_dict": network.state_dict(), "num_classes": 1000}
    expected = timm.create_model("test_vit", pretrained=True, pretrained_cfg_overlay=overlay, img_size=96)
    images = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        tokens = expected.forward_features((images - 0.5) / 0.5)[:, 1:]
        found = generator.backbone(images * 255)["conv5"]
    torch.testing.assert_close(found.flatten(2).transpose(1, 2), tokens, rtol=1e-4, atol=1e-5)
    assert network.pos_embed.shape != generator.backbone.network.pos_embed.shape
    assert provenance.source == "vit.safetensors"
    assert provenance.trained_on == ("unknown",)
    assert json.loads(json.dumps(asdict(provenance)))["sha256"]


def test_the_authors_own_file_fits():
    """DINOv2's checkpoints hold a mask token, and those with registers other names."""
    backbone = VisionTransformer("vit_small_patch14_reg4_dinov2", 112)
    state = dict(backbone.network.state_dict())
    theirs = state | {"mask_token": torch.zeros(1, 384), "register_tokens": state["reg_token"]}
    del theirs["reg_token"]
    theirs["pos_embed"] = torch.cat([torch.ones(1, 1, 384), state["pos_embed"]], dim=1)
    converted = backbone.converted(theirs, "the file")
    assert converted.keys() == state.keys()
    assert torch.equal(converted["reg_token"], state["reg_token"])
    assert torch.equal(converted["cls_token"], state["cls_token"] + 1)


def test_a_file_that_does_not_fit_is_named_and_nothing_is_loaded(tmp_path):
    state = published().state_dict()
    generator = build()
    before = generator.backbone.network.cls_token.clone()
    for message, names in {r"lacks 1 tensors \(blocks.3.attn.proj.bias\)": ["blocks.3.attn.proj.bias"]}.items():
        save_file({name: value for name, value in state.items() if name not in names}, tmp_path / "w.safetensors")
        with pytest.raises(CheckpointError, match=message):
            load_backbone_weights(generator, ROW, tmp_path / "w.safetensors")
    save_file({"patch_embed.proj.weight": torch.zeros(5)}, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"w.safetensors does not fit test_vit") as error:
        load_backbone_weights(generator, ROW, tmp_path / "w.safetensors")
    assert "\n" not in str(error.value)
    assert torch.equal(generator.backbone.network.cls_token, before)


@pytest.fixture
def source(monkeypatch):
    """Stands for the place that timm downloads from: holds what it gives, by repository."""
    files = {}

    def download(repository, *args, **kwargs):
        if repository not in files:
            raise OSError(f"no route to {repository}\nwhatever comes after it")
        return files[repository]

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", download)
    return files


def test_default_weights_are_those_that_timm_downloads(source):
    torch.manual_seed(5)
    state = timm.create_model("test_vit").state_dict()
    source["timm/test_vit.r160_in1k"] = dict(state)
    generator = build(image_size=160)
    provenance = load_backbone_weights(generator, ROW, "default")
    assert provenance == Provenance("timm/test_vit", None, ("unknown",))
    found = generator.backbone.network.state_dict()
    assert found.keys() == {name for name in state if not name.startswith("head.")}
    assert all(torch.equal(found[name], state[name]) for name in found)


def test_what_dinov2_saw_is_said_with_its_weights(source):
    generator = build(image_size=112, name=DINO)
    source[f"timm/{DINO}"] = dict(generator.backbone.network.state_dict())
    assert load_backbone_weights(generator, ROW, "default") == Provenance(f"timm/{DINO}", None, (COLLECTION,))


def test_weights_that_cannot_be_had_are_one_line(source):
    with pytest.raises(CheckpointError, match=r"weights of test_vit \(no route to timm.*--weights FILE") as error:
        load_backbone_weights(build(), ROW, "default")
    assert "\n" not in str(error.value)
