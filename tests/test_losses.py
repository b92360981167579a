"""The losses against hand-written forms."""

import math

import torch

from asgn.losses import (
    adversarial_loss,
    cross_entropy,
    discriminator_loss,
    feature_distance,
    target_on_grid,
    weight_penalty,
)


def written_out_cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> float:
    """Eq. 3 term by term, for each phrase, over its W x H cells."""
    total = 0.0
    for score, truth in zip(logits.flatten().tolist(), target.flatten().tolist(), strict=True):
        prob = 1 / (1 + math.exp(-score))
        total -= truth * math.log(prob) + (1 - truth) * math.log(1 - prob)
    return total / len(logits)


def test_cross_entropy_is_equation_3() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(3, 1, 4, 5) * 2, (torch.rand(3, 1, 4, 5) > 0.6).float()
    expected = written_out_cross_entropy(logits, target)
    assert math.isclose(float(cross_entropy(logits, target, "sum")), expected * 1600 / 20, rel_tol=1e-5)
    assert math.isclose(float(cross_entropy(logits, target, "mean")), expected / 20, rel_tol=1e-5)


def test_the_sum_over_the_papers_grid_is_a_plain_sum() -> None:
    logits, target = torch.randn(2, 1, 40, 40), (torch.rand(2, 1, 40, 40) > 0.6).float()
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="sum") / 2
    assert torch.equal(cross_entropy(logits, target, "sum"), plain)


def test_smoothed_labels_ask_for_less_than_certainty() -> None:
    real, fake = torch.tensor([2.0]), torch.tensor([-1.0])
    prob = torch.sigmoid(real)
    expected = -(0.9 * prob.log() + 0.1 * (1 - prob).log() + (1 - torch.sigmoid(fake)).log()) / 2
    torch.testing.assert_close(discriminator_loss(real, fake, 0.9), expected.squeeze())
    sure = torch.tensor([9.0], requires_grad=True)
    discriminator_loss(sure, fake, 0.9).backward()
    assert sure.grad is not None
    assert sure.grad.item() > 0, "it pulls a D back that is too sure of true masks"


def test_the_distance_of_features_weighs_layers_alike() -> None:
    fake, real = [torch.tensor([[1.0, 3.0]]), torch.zeros(1, 4)], [torch.tensor([[2.0, 1.0]]), torch.full((1, 4), 0.5)]
    assert float(feature_distance(fake, real)) == ((1 + 2) / 2 + 0.5) / 2


def test_target_takes_every_eighth_pixel() -> None:
    masks = torch.rand(2, 24, 16) > 0.5
    target = target_on_grid(masks, 8)
    assert target.shape == (2, 1, 3, 2)
    for row in range(3):
        for column in range(2):
            assert target[1, 0, row, column] == float(masks[1, 8 * row, 8 * column])


def test_penalty_is_half_the_sum_of_squares() -> None:
    assert float(weight_penalty([torch.tensor([3.0, 4.0]), torch.tensor([[1.0]])])) == 13.0


def test_discriminator_loss_is_the_halved_negative_of_equation_6() -> None:
    real, fake = torch.tensor([0.3, -1.0]), torch.tensor([0.5, 2.0])
    expected = -(torch.sigmoid(real).log().mean() + (1 - torch.sigmoid(fake)).log().mean()) / 2
    torch.testing.assert_close(discriminator_loss(real, fake), expected)


def test_both_forms_of_the_adversarial_loss() -> None:
    fake = torch.tensor([0.5, -2.0])
    torch.testing.assert_close(adversarial_loss(fake, "non-saturating"), -torch.sigmoid(fake).log().mean())
    torch.testing.assert_close(adversarial_loss(fake, "minimax"), (1 - torch.sigmoid(fake)).log().mean())


def test_both_forms_push_the_score_of_the_fake_up() -> None:
    for form in ("non-saturating", "minimax"):
        fake = torch.tensor([-1.0], requires_grad=True)
        adversarial_loss(fake, form).backward()
        assert fake.grad is not None
        assert fake.grad.item() < 0
