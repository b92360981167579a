"""MobileNetV2 against its file's known answer, and TensorFlow's SAME rule against plain loops."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional as F

from asgn.models.mobilenet import MobileNetV2, SameConv2d

SHARED = Path(os.environ.get("ASGN_SHARED", Path(__file__).parents[2] / "../shared"))
WEIGHTS = SHARED / "weights/deeplabv3_mnv2_voc21_fp32.safetensors"
PHOTOGRAPH = SHARED / "data/photorefer/images/coco128_train2017_000000000110.jpg"
HEAD = ("image_pooling", "aspp0", "concat_projection", "logits")


def same_convolution(image, kernel, stride, dilation):
    """One channel, plain loops: total padding as TensorFlow documents it, the odd zero behind."""
    size = len(image)
    out_size = -(-size // stride)
    front = max((out_size - 1) * stride + 2 * dilation + 1 - size, 0) // 2
    out = np.zeros((out_size, out_size))
    for y in range(out_size):
        for x in range(out_size):
            for a in range(3):
                for b in range(3):
                    row, column = y * stride + a * dilation - front, x * stride + b * dilation - front
                    if 0 <= row < size and 0 <= column < size:
                        out[y, x] += kernel[a, b] * image[row, column]
    return out


@pytest.mark.parametrize(("size", "stride", "dilation"), [(8, 2, 1), (9, 2, 1), (8, 1, 1), (9, 1, 4), (7, 1, 2)])
def test_same_padding(size, stride, dilation):
    torch.manual_seed(0)
    layer = SameConv2d(1, 1, stride=stride, dilation=dilation)
    image = torch.randn(1, 1, size, size)
    with torch.no_grad():
        out = layer(image)[0, 0].numpy() - layer.bias.item()
    expected = same_convolution(image[0, 0].numpy(), layer.weight[0, 0].detach().numpy(), stride, dilation)
    assert out == pytest.approx(expected, abs=1e-5)


@pytest.mark.skipif(not (WEIGHTS.is_file() and PHOTOGRAPH.is_file()), reason="no shared weights: set ASGN_SHARED")
def test_known_answer():
    """The classes of a photograph under the whole DeepLab, whose head is written here as its description says."""
    weights = load_file(WEIGHTS)
    backbone = MobileNetV2()
    backbone.load_state_dict({name: value for name, value in weights.items() if not name.startswith(HEAD)})
    with Image.open(PHOTOGRAPH) as file:
        pixels = np.asarray(file.convert("RGB").resize((320, 320), Image.Resampling.BILINEAR))
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1

    def head(name, feature):
        return F.conv2d(feature, weights[f"{name}.weight"], weights[f"{name}.bias"])

    with torch.no_grad():
        features = backbone.run(image)["conv5"]
        pooled = F.relu(head("image_pooling", features.mean(dim=(2, 3), keepdim=True))).expand(-1, -1, 40, 40)
        joined = torch.cat([pooled, F.relu(head("aspp0", features))], dim=1)
        logits = head("logits", F.relu(head("concat_projection", joined)))
        classes = F.interpolate(logits, size=(320, 320), mode="bilinear", align_corners=True).argmax(dim=1)
    assert features.shape == (1, 320, 40, 40)
    assert features.mean().item() == pytest.approx(0.08247, abs=1e-4)
    assert features.std(correction=0).item() == pytest.approx(2.65130, abs=1e-4)
    assert logits.mean().item() == pytest.approx(6.13119, abs=1e-4)
    assert logits.std(correction=0).item() == pytest.approx(6.88146, abs=1e-4)
    counts = torch.bincount(classes.flatten(), minlength=21)
    expected = torch.zeros(21, dtype=torch.int64)
    expected[[0, 11, 15]] = torch.tensor([6521, 11158, 84721])
    assert (counts - expected).abs().max() <= 20


def test_fine_tuning_begins_at_the_dilated_blocks():
    backbone = MobileNetV2()
    backbone.freeze(False)
    trained = {name.split(".")[1] for name, weight in backbone.named_parameters() if weight.requires_grad}
    assert trained == {str(number) for number in range(7, 17)}
    backbone.freeze(True)
    assert not any(weight.requires_grad for weight in backbone.parameters())
