"""The detector against its own graph run by onnxruntime, and its weights from every form that they come in."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from asgn.config import ModelConfig
from asgn.errors import CheckpointError, MissingExtraError
from asgn.models import yolox_weights
from asgn.models.build import build_generator
from asgn.models.pretrained import load_backbone_weights
from asgn.models.yolox import ConvSiLU, YoloxNano
from asgn.variants import Variant

SHARED = Path(os.environ.get("ASGN_SHARED", Path(__file__).parents[2] / "../shared"))
GRAPH = SHARED / "weights/yolox_nano.onnx"
DEEPLAB = SHARED / "weights/deeplabv3_mnv2_voc21_fp32.safetensors"
PHOTOGRAPH = SHARED / "data/photorefer/images/coco128_train2017_000000000110.jpg"
NODES = {
    "conv3": "Conv_299", "conv4": "Conv_332", "conv5": "Conv_365",
    "class3": "Conv_314", "class4": "Conv_347", "class5": "Conv_380",
}  # fmt: skip
"""Whose inputs the maps are."""
needs_graph = pytest.mark.skipif(
    not (GRAPH.is_file() and PHOTOGRAPH.is_file()), reason="no shared weights: set ASGN_SHARED"
)


def load(row, weights):
    sizes = {"embedding_size": 4, "language_size": 4, "fusion_size": 4, "detail_size": 4, "visual_size": 4}
    generator = build_generator(ModelConfig.for_variant(Variant.parse(row), 20, **sizes))
    return generator, load_backbone_weights(generator, Variant.parse(row), weights)


def run_graph(image):
    """The maps of the file's own graph, its fixed input size lifted."""
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = onnx.load(str(GRAPH))
    nodes = {node.name: node for node in model.graph.node}
    del model.graph.output[:]
    for node in NODES.values():
        model.graph.output.append(onnx.helper.make_tensor_value_info(nodes[node].input[0], 1, None))
    for axis in (2, 3):
        size = model.graph.input[0].type.tensor_type.shape.dim[axis]
        size.Clear()
        size.dim_param = f"free{axis}"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of every size but the file's own
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    blue_first = image.flip(1).float().numpy()
    return dict(zip(NODES, session.run(None, {"images": blue_first}), strict=True))


@needs_graph
@pytest.mark.parametrize("side", [320, 416])
def test_known_answer(side):
    generator, _ = load("N+LSTM", GRAPH)
    with Image.open(PHOTOGRAPH) as file:
        pixels = np.asarray(file.convert("RGB").resize((side, side), Image.Resampling.BILINEAR))
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]
    expected = run_graph(image)
    with torch.no_grad():
        found, given = generator.backbone.run(image.float()), generator.backbone(image)
    for name, stride in zip(NODES, (8, 16, 32, 8, 16, 32), strict=True):
        assert expected[name].shape[-2:] == (side // stride, side // stride)
        largest = np.abs(expected[name]).max()
        assert np.abs(found[name].numpy() - expected[name]).max() <= 3e-5 * largest, name
        gain = 5 if name.startswith("conv") else 1
        assert torch.equal(given[name], gain * found[name])


@needs_graph
def test_provenance_tells_what_each_file_has_seen():
    _, alone = load("N+LSTM", GRAPH)
    assert alone.trained_on == ("MS-COCO train2017",)
    if DEEPLAB.is_file():
        generator, both = load("MN+LSTM", (DEEPLAB, GRAPH))
        assert list(both.parts) == ["M", "N"]
        assert both.parts["N"] == alone
        assert both.parts["M"].source == DEEPLAB.name
        assert "MS-COCO train2017" in both.trained_on
        assert generator.backbone.yolox.dark5[0].pconv.bias.any()
        assert generator.backbone.mobilenet.stem.bias.any()


def as_published(network):
    """A state dict in the layout of `yolox_nano.pth`, batch norm apart, and what it makes of the network."""
    source = torch.Generator().manual_seed(3)
    published, folded = {}, {}
    for name, layer in network.named_modules():
        if not isinstance(layer, ConvSiLU):
            continue
        public = "backbone.stem.conv" if name == "stem" else f"backbone.{name}" if name.startswith("dark") else name
        public = public if name.startswith("head.") else f"backbone.{public}"
        channels = layer.out_channels
        weight = torch.randn(16, 12, 3, 3, generator=source) if name == "stem" else layer.weight.detach()
        norm = nn.BatchNorm2d(channels, eps=1e-3)
        for part in (norm.weight.data, norm.running_var):
            part.copy_(0.5 + torch.rand(channels, generator=source))
        for part in (norm.bias.data, norm.running_mean):
            part.copy_(torch.randn(channels, generator=source))
        published[f"{public}.conv.weight"] = weight
        published |= {f"{public}.bn.{part}": value for part, value in norm.state_dict().items()}
        folded[name] = (weight, norm.eval())
    published["head.obj_preds.0.weight"] = torch.zeros(1, 64, 1, 1)
    published["head.reg_convs.0.0.dconv.conv.weight"] = torch.zeros(64, 1, 3, 3)
    published["head.cls_preds.0.bias"] = torch.zeros(80)
    return published, folded


def test_the_public_checkpoint_is_folded(tmp_path):
    torch.manual_seed(0)
    published, layers = as_published(YoloxNano())
    torch.save({"start_epoch": 300, "model": published}, tmp_path / "yolox_nano.pth")
    backbone = load("N+LSTM", tmp_path / "yolox_nano.pth")[0].backbone
    modules = dict(backbone.named_modules())
    for name in ("dark3.1.m.2.conv2.dconv", "C3_n4.conv3", "head.cls_convs.2.1.pconv", "dark5.1.conv2"):
        layer, (weight, norm) = modules[name], layers[name]
        feature = torch.randn(1, layer.in_channels, 5, 6)
        with torch.no_grad():
            normed = norm(F.conv2d(feature, weight, padding=layer.padding, groups=layer.groups))
            torch.testing.assert_close(layer(feature), F.silu(normed), rtol=1e-4, atol=1e-5)


def test_the_first_convolution_reads_the_authors_four_samples_of_bgr():
    torch.manual_seed(0)
    published, layers = as_published(YoloxNano())
    tensors = {name.removeprefix("backbone.").removeprefix("backbone."): value for name, value in published.items()}
    ours = yolox_weights.convert(tensors)
    weight, norm = layers["stem"]
    image = 255 * torch.rand(1, 3, 32, 48)
    blue_first = image.flip(1)
    samples = [blue_first[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]  # the rows vary first
    with torch.no_grad():
        expected = norm(F.conv2d(torch.cat(samples, dim=1), weight, padding=1))
        found = F.conv2d(image, ours["stem.weight"], ours["stem.bias"], stride=2, padding=2)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-2)


def test_what_is_missing_of_a_batch_norm_is_named(tmp_path):
    published, _ = as_published(YoloxNano())
    del published["backbone.C3_p3.conv1.bn.running_mean"]
    torch.save(published, tmp_path / "cut.pth")
    with pytest.raises(CheckpointError, match=r"lacks 2 tensors \(C3_p3.conv1.bias, C3_p3.conv1.weight\)"):
        load("N+LSTM", tmp_path / "cut.pth")


@needs_graph
def test_a_graph_of_another_network_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(GRAPH))
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    unfolded = list(first.input)
    del first.input[2:]
    onnx.save(model, str(tmp_path / "unfolded.onnx"))
    with pytest.raises(CheckpointError, match=r"unfolded.onnx .*no folded batch norm; export .* evaluation mode"):
        load("N+LSTM", tmp_path / "unfolded.onnx")
    first.input.append(unfolded[2])
    model.graph.node.remove(first)
    onnx.save(model, str(tmp_path / "short.onnx"))
    with pytest.raises(CheckpointError, match=r"short.onnx .*has \d+ convolutions, YOLOX-nano \d+"):
        load("N+LSTM", tmp_path / "short.onnx")


@pytest.mark.parametrize("name", ["text.onnx", "missing.onnx"])
def test_a_bad_graph_is_refused_in_one_line(tmp_path, name):
    pytest.importorskip("onnx")
    if name == "text.onnx":
        (tmp_path / name).write_text("no graph")
    with pytest.raises(CheckpointError, match=name) as error:
        load("N+LSTM", tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_graph_needs_the_extra(tmp_path, monkeypatch):
    (tmp_path / "n.onnx").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"asgn\[onnx\]"):
        load("N+LSTM", tmp_path / "n.onnx")


@pytest.mark.parametrize("weights", ["default", Path("one.safetensors"), (Path("a"), Path("b"), Path("c"))])
def test_both_need_a_file_each(weights):
    with pytest.raises(CheckpointError, match=r"DeepLab-MobileNetV2.*YOLOX-nano.*--weights M_FILE,N_FILE"):
        load("MN+LSTM", weights)


def test_one_network_takes_one_file():
    with pytest.raises(CheckpointError, match="N takes one file"):
        load("N+LSTM", (Path("a"), Path("b")))
    with pytest.raises(CheckpointError, match=r"YOLOX-nano's file .*--weights FILE"):
        load("N+LSTM", "default")


def test_fine_tuning_begins_behind_dark3():
    backbone = YoloxNano()
    backbone.freeze(False)
    fixed = {name.split(".")[0] for name, weight in backbone.named_parameters() if not weight.requires_grad}
    assert fixed == {"stem", "dark2", "dark3"}
    backbone.freeze(True)
    assert not any(weight.requires_grad for weight in backbone.parameters())
