import copy

import pytest
import torch
from torch import nn

from asgn.models.discriminator import Discriminator


def test_it_is_six_convolutions_five_of_stride_two():
    convolutions = [layer for layer in Discriminator().layers if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [32, 64, 128, 128, 128, 1]
    assert {layer.kernel_size for layer in convolutions} == {(4, 4)}
    assert [layer.stride[0] for layer in convolutions] == [2, 2, 2, 2, 2, 1]
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in Discriminator().layers) == 4


def test_it_has_the_parameters_that_table_five_leaves_room_for():
    assert sum(weight.numel() for weight in Discriminator().parameters()) == 693_601


def test_it_gives_one_logit_a_mask_averaged_over_the_last_map():
    torch.manual_seed(0)
    network = Discriminator().eval()
    images, masks = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8), torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        logits = network(images, masks)
        joined = torch.cat([images.float() / 127.5 - 1, masks * 2 - 1], dim=1)
        grid = network.layers(joined)
    assert grid.shape == (2, 1, 2, 2)
    assert torch.allclose(logits, grid.flatten(1).sum(dim=1) / 4)


def test_it_sees_both_the_photograph_and_the_mask():
    torch.manual_seed(0)
    network = Discriminator().eval()
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    masks = torch.rand(2, 1, 64, 64, requires_grad=True)
    logits = network(images, masks)
    assert logits[0] != network(images[[1, 0]], masks)[0]
    (gradient,) = torch.autograd.grad(logits.sum(), masks)
    assert (gradient != 0).float().mean() > 0.9


def test_working_in_place_changes_no_gradient():
    torch.manual_seed(0)
    network = Discriminator()
    plain = copy.deepcopy(network)
    for layer in plain.modules():
        if isinstance(layer, nn.LeakyReLU):
            layer.inplace = False
    images, masks = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8), torch.rand(2, 1, 64, 64)
    found = []
    for each in (network, plain):
        given = masks.clone().requires_grad_()
        each(images, given).square().sum().backward()
        found.append([given.grad, *(weight.grad for weight in each.parameters())])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def given(side=64):
    torch.manual_seed(1)
    return torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8), torch.rand(2, 1, side, side)


@pytest.mark.parametrize("norm", ["spectral", "dropout", "none"])
def test_without_batch_norm_a_verdict_does_not_depend_on_the_rest_of_the_batch(norm):
    network = Discriminator(norm=norm).eval()
    images, masks = given()
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    torch.testing.assert_close(network(images, masks)[:1], network(images[:1], masks[:1]))
    network.train()
    assert (norm == "dropout") == (not torch.allclose(network(images, masks), network(images, masks), rtol=1e-2))


def test_spectral_norm_keeps_every_convolution_from_stretching():
    torch.manual_seed(0)
    network = Discriminator(norm="spectral")
    for _ in range(100):
        network(*given(32))
    weights = [layer.weight for layer in network.layers if isinstance(layer, nn.Conv2d)]
    assert len(weights) == 6
    for weight in weights:
        assert float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2)) == pytest.approx(1, abs=0.05)


def test_a_verdict_a_cell_averages_to_the_one_of_the_image():
    torch.manual_seed(0)
    network = Discriminator(norm="none", output="cell")
    cells = network(*given())
    assert cells.shape == (2, 2, 2)
    network.output = "image"
    torch.testing.assert_close(network(*given()), cells.mean(dim=(1, 2)))


def test_it_sees_no_more_than_it_is_to():
    images, masks = given()
    alone, product = Discriminator("mask", norm="none"), Discriminator("product", norm="none")
    assert torch.equal(alone(images, masks), alone(images.flip(2), masks))
    outside = images.clone()
    masks[..., :32] = 0
    outside[..., :32] = 7
    assert torch.equal(product(images, masks), product(outside, masks))
    assert not torch.equal(product(images, masks), product(images.flip(3), masks))


@pytest.mark.parametrize("norm", ["batch", "spectral", "dropout", "none"])
def test_every_norm_computes_in_bfloat16(norm):
    network = Discriminator(norm=norm)
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(*given())
    logits.mean().backward()
    assert logits.dtype == torch.float32
    assert all(weight.grad.isfinite().all() for weight in network.parameters())
