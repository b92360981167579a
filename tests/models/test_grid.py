"""Coordinates, upsampling and detail enhancement: everything that must land on the right cell."""

import pytest
import torch

from asgn.losses import target_on_grid
from asgn.models.detail import DetailEnhancement
from asgn.models.joined import JoinedPointwise
from asgn.models.spatial import spatial_coordinates
from asgn.models.upsampling import CentredBilinear, Deconvolution, LegacyBilinear, bilinear_kernel
from tests.models import textbook
from tests.models.ladder import Ladder


def test_the_eight_coordinates():
    height, width = 3, 4
    channels = spatial_coordinates(torch.zeros(2, 5, height, width))
    assert channels.shape == (1, 8, height, width)
    for h in range(height):
        for w in range(width):
            xmin, xmax = w / width * 2 - 1, (w + 1) / width * 2 - 1
            ymin, ymax = h / height * 2 - 1, (h + 1) / height * 2 - 1
            expected = [xmin, ymin, xmax, ymax, (xmin + xmax) / 2, (ymin + ymax) / 2, 1 / width, 1 / height]
            assert channels[0, :, h, w].tolist() == pytest.approx(expected, abs=1e-6)


def test_coordinates_follow_the_maps_type():
    assert spatial_coordinates(torch.zeros(1, 1, 2, 2, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("factor", [4, 8])
def test_legacy_bilinear_upsampling(factor):
    grid = torch.randn(2, 1, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    pixels = LegacyBilinear(factor)(grid)
    assert pixels.shape == (2, 1, 5 * factor, 3 * factor)
    for cells, found in zip(grid, pixels, strict=True):
        assert found[0].numpy() == pytest.approx(textbook.legacy_bilinear(cells[0].numpy(), factor), abs=1e-9)
    assert torch.allclose(pixels[..., ::factor, ::factor], grid)


@pytest.mark.parametrize("factor", [14, 16])
def test_centred_upsampling_puts_each_cell_in_the_middle_of_its_pixels(factor):
    columns = CentredBilinear(factor)(positions(factor, True, 4))[0, 0]
    middle = slice(factor // 2, -factor // 2)  # before the first and behind the last cell's middle it is repeated
    expected = torch.arange(4.0 * factor).expand(4 * factor, -1)
    torch.testing.assert_close(columns[:, middle], expected[:, middle])
    assert columns[0, 0] == (factor - 1) / 2


@pytest.mark.parametrize(
    ("backbone", "upsampling"),
    [
        (Ladder({"conv5": 8}), LegacyBilinear(8)),
        (Ladder({"conv5": 14}, between_pixels=True), CentredBilinear(14)),
        (Ladder({"conv5": 32}, between_pixels=True), Deconvolution(32)),
    ],
)
def test_truth_sampled_on_the_grid_and_upsampled_is_where_it_was(backbone, upsampling):
    stride = backbone.stride
    truth = torch.zeros(1, 8 * stride, 8 * stride, dtype=torch.bool)
    truth[:, stride : 3 * stride, 2 * stride : 6 * stride] = True
    with torch.no_grad():
        again = upsampling(target_on_grid(truth, stride, backbone.first_pixel))[0, 0]
    for axis in (0, 1):
        mass, true = again.sum(axis), truth[0].float().sum(axis)
        places = torch.arange(8.0 * stride)
        found, expected = (mass @ places) / mass.sum(), (true @ places) / true.sum()
        assert abs(float(found - expected)) <= stride / 2, "legacy sampling rounds to the cell's first pixel"
        if backbone.between_pixels:
            assert abs(float(found - expected)) <= 0.51


@pytest.mark.parametrize("factor", [4, 32])
def test_deconvolution(factor):
    grid = torch.randn(1, 1, 3, 4, generator=torch.Generator().manual_seed(0))
    layer = Deconvolution(factor)
    torch.nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(1))
    expected = textbook.same_padded_transposed_convolution(
        grid[0, 0].numpy(), layer.weight[0, 0].detach().numpy(), factor
    )
    assert layer(grid)[0, 0].detach().numpy() == pytest.approx(expected, abs=1e-5)


def test_deconvolution_starts_as_bilinear_interpolation():
    kernel = bilinear_kernel(32)
    ramp = [k / 32 for k in (*range(32), *range(32, 0, -1))]  # the original code's filter
    assert kernel.shape == (64, 64)
    assert kernel[32].tolist() == pytest.approx(ramp)
    assert kernel[8, 40].item() == pytest.approx(0.25 * 0.75)
    grid = torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    pixels = Deconvolution(32)(grid)
    assert torch.allclose(pixels[..., 16::32, 16::32], grid, atol=1e-6)
    halfway = pixels[0, 0, 16, 32].item()
    assert halfway == pytest.approx((grid[0, 0, 0, 0] + grid[0, 0, 0, 1]).item() / 2, abs=1e-6)


def positions(stride, between_pixels, cells):
    """A map that says of each cell on which column it is centred."""
    centre = torch.arange(cells, dtype=torch.float32) * stride + ((stride - 1) / 2 if between_pixels else 0)
    return centre.expand(1, 1, cells, cells)


@pytest.mark.parametrize("between_pixels", [False, True])
def test_detail_is_read_at_the_output_cells_own_place(between_pixels):
    strides = {"conv2": 4, "conv4": 16, "fc7": 32}
    backbone = Ladder(strides, between_pixels, channels=dict.fromkeys(strides, 1))
    features = {layer: positions(stride, between_pixels, 96 // stride) for layer, stride in strides.items()}
    for layer in ("conv2", "conv4"):
        reading = JoinedPointwise(backbone, layer, 1, bias=False)
        torch.nn.init.ones_(reading.weight)
        assert torch.equal(reading(features), positions(32, between_pixels, 3)), layer


def test_detail_is_reduced_normalised_and_concatenated():
    torch.manual_seed(0)
    backbone = Ladder({"conv1": 4, "conv3": 8, "conv5": 8})
    detail = DetailEnhancement(backbone, ["conv1", "conv3"], 6)
    torch.nn.init.normal_(detail.reduce["conv1"].bias)
    features = {"conv1": torch.randn(2, 3, 8, 8), "conv3": torch.randn(2, 4, 4, 4), "conv5": torch.randn(2, 5, 4, 4)}
    with torch.no_grad():
        joined = detail(features)
    assert joined.shape == (2, 12, 4, 4)
    assert detail.out_channels == 12
    for b, i, j in ((0, 0, 0), (1, 3, 2)):
        expected = []
        for layer, step in (("conv1", 2), ("conv3", 1)):
            weight, bias = detail.reduce[layer].weight[:, :, 0, 0], detail.reduce[layer].bias
            reduced = weight @ features[layer][b, :, i * step, j * step] + bias
            expected.append(reduced / reduced.square().sum().sqrt())
        assert joined[b, :, i, j].tolist() == pytest.approx(torch.cat(expected).tolist(), abs=1e-5)
