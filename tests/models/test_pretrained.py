import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision.models import resnet101, vgg16

from asgn.config import ModelConfig
from asgn.errors import CheckpointError
from asgn.models.build import build_generator
from asgn.models.mobilenet import MobileNetV2
from asgn.models.pretrained import Provenance, load_backbone_weights
from asgn.models.vgg import VGG16
from asgn.variants import Variant

SHARED = Path(os.environ.get("ASGN_SHARED", Path(__file__).parents[2] / "../shared"))
DEEPLAB = SHARED / "weights/deeplabv3_mnv2_voc21_fp32.safetensors"
SMALL = {"embedding_size": 4, "language_size": 4, "fusion_size": 4, "detail_size": 4}


def build(row, **changes):
    return build_generator(ModelConfig.for_variant(Variant.parse(row), 20, **SMALL, **changes))


def load(row, weights, generator=None):
    generator = generator or build(row)
    return generator, load_backbone_weights(generator, Variant.parse(row), weights)


@pytest.fixture
def small_weights(tmp_path):
    torch.manual_seed(5)
    state = MobileNetV2().state_dict()
    return state, tmp_path


def test_random_weights_are_asked_for(small_weights):
    generator = build("M+LSTM")
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    _, provenance = load("M+LSTM", "random", generator)
    assert provenance == Provenance("random", None, ())
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())


def test_m_has_nothing_to_download():
    with pytest.raises(CheckpointError, match=r"DeepLab-MobileNetV2.*--weights FILE.*--weights random"):
        load("M+LSTM", "default")


@pytest.mark.parametrize("prefix", ["", "module.", "module.model.backbone."])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt"])
def test_a_file_is_loaded_whatever_wraps_it(small_weights, prefix, suffix):
    state, folder = small_weights
    path = folder / f"weights{suffix}"
    head = {"logits.weight": torch.zeros(21, 256, 1, 1), "aspp0.bias": torch.zeros(256)}
    named = {prefix + name: value for name, value in (state | head).items()}
    save_file(named, path) if suffix == ".safetensors" else torch.save({"epoch": 3, "state_dict": named}, path)
    generator, provenance = load("M+LSTM", path)
    assert all(torch.equal(value, state[name]) for name, value in generator.backbone.state_dict().items())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert provenance == Provenance(path.name, digest, ("unknown",))
    assert json.loads(json.dumps(asdict(provenance)))["sha256"] == digest


def test_what_does_not_fit_is_named_and_nothing_is_loaded(small_weights):
    state, folder = small_weights
    cases = {
        r"lacks 2 .*\(blocks.3.dw.bias, stem.weight\)": lambda s: (s.pop("stem.weight"), s.pop("blocks.3.dw.bias")),
        r"has unknown 1 tensors \(blocks.17.dw.weight\)": lambda s: s.update({"blocks.17.dw.weight": torch.zeros(1)}),
        r"has other shapes for 1 tensors \(stem.bias\)": lambda s: s.update({"stem.bias": torch.zeros(31)}),
    }
    generator = build("M+LSTM")
    before = generator.backbone.stem.weight.clone()
    for message, spoil in cases.items():
        spoiled = dict(state)
        spoil(spoiled)
        save_file(spoiled, folder / "w.safetensors")
        with pytest.raises(CheckpointError, match=message) as error:
            load("M+LSTM", folder / "w.safetensors", generator)
        assert "\n" not in str(error.value)
    assert torch.equal(generator.backbone.stem.weight, before)


BAD_FILES = ["missing.pth", "cut.safetensors", "cut.pth", "text.pt", "notes.txt", "code.pth", "empty.pth"]


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused_in_one_line(tmp_path, name):
    path = tmp_path / name
    if name.startswith("cut"):
        writer = save_file if name.endswith("safetensors") else torch.save
        writer({"a": torch.zeros(1000)}, path)
        path.write_bytes(path.read_bytes()[:700])
    elif name == "code.pth":
        torch.save({"a": Path}, path)
    elif name == "empty.pth":
        torch.save({"epoch": 3}, path)
    elif name != "missing.pth":
        path.write_text("not weights")
    with pytest.raises(CheckpointError, match=name) as error:
        load("M+LSTM", path)
    assert "\n" not in str(error.value)


def test_resnets_classifier_becomes_the_visual_layer(tmp_path):
    torch.manual_seed(1)
    network = resnet101()
    torch.save({f"module.{name}": value.half() for name, value in network.state_dict().items()}, tmp_path / "r.pth")
    generator, _ = load("R+LSTM", tmp_path / "r.pth")
    assert torch.equal(generator.visual.weight[:, :, 0, 0], network.fc.weight.half().float())
    assert torch.equal(generator.visual.bias, network.fc.bias.half().float())
    assert torch.equal(generator.backbone.layer3[22].conv2.weight, network.layer3[22].conv2.weight.half().float())
    narrow = build("R+LSTM", visual_size=16)
    before = narrow.visual.weight.clone()
    load("R+LSTM", tmp_path / "r.pth", narrow)
    assert torch.equal(narrow.visual.weight, before)


def test_deeplabs_backbone_is_taken_and_its_heads_are_not(tmp_path):
    state = {f"backbone.{name}": value.half() for name, value in resnet101().state_dict().items() if "fc." not in name}
    heads = {"classifier.4.weight": torch.zeros(21, 256, 1, 1), "aux_classifier.0.weight": torch.zeros(256, 1024, 3, 3)}
    torch.save(state | heads, tmp_path / "d.pth")
    generator = build("D+LSTM")
    before = generator.visual.weight.clone()
    load("D+LSTM", tmp_path / "d.pth", generator)
    assert torch.equal(generator.backbone.conv1.weight, state["backbone.conv1.weight"].float())
    assert torch.equal(generator.visual.weight, before)
    with pytest.raises(CheckpointError, match=r"unknown 2 .*\(aux_classifier.0.weight, classifier.4.weight\)"):
        load("R+LSTM", tmp_path / "d.pth")


def test_vggs_fully_connected_layers_become_convolutions(tmp_path, monkeypatch):
    monkeypatch.setattr(VGG16, "classifier_size", 8)
    torch.manual_seed(1)
    features = {name: value for name, value in VGG16().state_dict().items() if name.startswith("features")}
    sizes = {"classifier.0": (8, 512 * 7 * 7), "classifier.3": (8, 8), "classifier.6": (1000, 8)}
    layers = {f"{name}.weight": torch.randn(size) for name, size in sizes.items()}
    biases = {f"{name}.bias": torch.randn(size[0]) for name, size in sizes.items()}
    save_file(features | layers | biases, tmp_path / "vgg.safetensors")
    generator, _ = load("SNLE", tmp_path / "vgg.safetensors")
    pool5 = torch.randn(2, 512, 7, 7)
    dense = pool5.flatten(1) @ layers["classifier.0.weight"].T + biases["classifier.0.bias"]
    convolved = torch.nn.functional.conv2d(pool5, generator.backbone.fc6.weight, generator.backbone.fc6.bias)
    torch.testing.assert_close(convolved.flatten(1), dense, rtol=1e-4, atol=1e-3)
    assert torch.equal(generator.visual.weight.flatten(1), layers["classifier.6.weight"])


def test_names_and_shapes_are_torchvisions_at_full_size():
    with torch.device("meta"):
        generator = build_generator(ModelConfig.for_variant(Variant.parse("SNLE"), 20))
        network = vgg16()
    named = dict(network.named_parameters())
    own = dict(generator.named_parameters())
    pairs = {"classifier.0": "backbone.fc6", "classifier.3": "backbone.fc7", "classifier.6": "visual"}
    for theirs, ours in pairs.items():
        assert named[f"{theirs}.weight"].numel() == own[f"{ours}.weight"].numel()
    assert {f"backbone.{name}" for name in named if name.startswith("features")} <= own.keys()


def test_downloaded_weights_are_used_with_their_provenance(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    cached = tmp_path / "checkpoints/deeplabv3_resnet101_coco-586e9e4e.pth"
    cached.parent.mkdir()
    state = {f"backbone.{name}": value.half() for name, value in resnet101().state_dict().items() if "fc." not in name}
    torch.save(state, cached)
    generator, provenance = load("D+LSTM", "default")
    assert torch.equal(generator.backbone.bn1.weight, state["backbone.bn1.weight"].float())
    assert provenance.source == "https://download.pytorch.org/models/deeplabv3_resnet101_coco-586e9e4e.pth"
    assert any("COCO" in collection for collection in provenance.trained_on)


def test_a_failed_download_names_the_way_out(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(CheckpointError, match=r"resnet101-63fe2227.pth.*no route to host.*--weights FILE"):
        load("R+LSTM", "default")


@pytest.mark.skipif(not DEEPLAB.is_file(), reason="no shared weights: set ASGN_SHARED")
def test_the_shared_deeplab_loads_and_says_what_it_saw():
    generator, provenance = load("M+LSTM", DEEPLAB)
    assert torch.equal(generator.backbone.stem.weight, load_file(DEEPLAB)["stem.weight"])
    assert provenance.trained_on == ("VOC 2012 train+val", "MS-COCO (most likely)", "ImageNet (most likely)")
