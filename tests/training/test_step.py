"""Which step moves which network, and in which direction."""

import contextlib
import copy
import dataclasses

import pytest
import torch

from asgn.config import LossConfig, TrainConfig
from asgn.data.loading.batches import BatchStream
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.losses import adversarial_loss, discriminator_loss
from asgn.models.generator import Prediction
from asgn.models.upsampling import LegacyBilinear
from asgn.training.optimizers import generator_optimizer
from asgn.training.step import AdversarialStep, GridLoss, SupervisedStep, frozen, predict, soft_masks

CONFIG = TrainConfig(finetune=True, batch_size=4)


def weights_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(dict(network.named_parameters()))


def test_the_discriminators_step_leaves_the_generator_without_gradient(adversarial, batch):
    step = adversarial()
    images, real = batch.images[batch.image_index], batch.masks.unsqueeze(1).float()
    fake = step.generator_step.passes(batch).masks()
    step._descend_discriminator(
        discriminator_loss(step.discriminator(images, real), step.discriminator(images, fake.detach()))
    )
    assert fake.grad is None
    assert all(weight.grad is None for weight in step.generator_step.generator.parameters())
    assert any(weight.grad.abs().sum() > 0 for weight in step.discriminator.parameters())


def test_a_frozen_discriminator_takes_no_gradient_and_passes_it_on(adversarial, batch):
    step = adversarial()
    generator = step.generator_step.generator
    with frozen(step.discriminator):
        logits = step.discriminator(batch.images[batch.image_index], soft_masks(predict(generator, batch)))
        adversarial_loss(logits, "non-saturating").backward()
    assert all(weight.grad is None for weight in step.discriminator.parameters())
    assert all(weight.requires_grad for weight in step.discriminator.parameters())
    assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in generator.parameters())


def test_the_discriminator_thaws_after_an_error(adversarial):
    network = adversarial().discriminator
    with pytest.raises(ZeroDivisionError), frozen(network):
        1 / 0  # noqa: B018
    assert all(weight.requires_grad for weight in network.parameters())


def test_generator_steps_alone_lower_minus_log_d(adversarial, batch):
    """With D held and no cross entropy, descending L_adv must raise D's score of the prediction."""
    step = adversarial(LossConfig(ce_weight=0.0))
    step.optimizer.param_groups[0]["lr"] = 0.0
    first = float(step(batch)["adversarial"])
    for _ in range(20):
        last = float(step(batch)["adversarial"])
    assert last < first - 0.01


@pytest.mark.parametrize("micro_batch", [0, 3])
def test_the_gradient_is_that_of_equation_7(adversarial, batch, micro_batch):
    """The step's gradients against those of its loss written out in one piece, D as the step left it."""
    step = adversarial()
    generator, discriminator = step.generator_step.generator, step.discriminator
    for group in (*step.optimizer.param_groups, *step.generator_step.optimizer.param_groups):
        group["lr"] = 0.0
    step.generator_step.micro_batch = micro_batch
    report = step(batch)
    found = {name: weight.grad.clone() for name, weight in generator.named_parameters() if weight.grad is not None}
    generator.zero_grad()
    prediction = predict(generator, batch)
    segmentation, _ = GridLoss(generator, LossConfig())(prediction, batch.masks)
    score = discriminator(batch.images[batch.image_index], torch.sigmoid(prediction.pixels))
    whole = adversarial_loss(score, "non-saturating") + 0.1 * segmentation
    whole.backward()
    torch.testing.assert_close(report["loss"], whole.detach())
    total = torch.cat([weight.grad.flatten() for weight in generator.parameters() if weight.grad is not None])
    difference = torch.cat(
        [
            (weight.grad - found[name]).flatten()
            for name, weight in generator.named_parameters()
            if weight.grad is not None
        ]
    )
    assert difference.norm() < 1e-5 * total.norm()


@pytest.mark.parametrize("micro_batch", [0, 3])
def test_fp16s_factor_reaches_the_adversarial_gradient_too(adversarial, batch, micro_batch):
    """Where D answers in fp16 its gradients of 1e-8 and less would vanish without it."""
    plain, scaling = adversarial(), adversarial()
    scaling.accelerator = scaling.generator_step.accelerator = FactorOf(2.0**16)
    reports = []
    for step in (plain, scaling):
        step.generator_step.micro_batch = micro_batch
        for group in (*step.optimizer.param_groups, *step.generator_step.optimizer.param_groups):
            group["lr"] = 0.0
        reports.append(step(batch))
    for name in ("gradient", "discriminator_gradient"):
        torch.testing.assert_close(reports[1][name], 2.0**16 * reports[0][name])  # these optimisers know no scaler


class FactorOf:
    """As much of an accelerator in fp16 as a step uses: losses are multiplied, nothing else changes."""

    def __init__(self, factor):
        self.factor, self.scaler = factor, self
        self.unwrap_model = lambda network: network
        self.no_sync = lambda network: contextlib.nullcontext()
        self.autocast = contextlib.nullcontext

    def scale(self, loss):
        return loss * self.factor

    def backward(self, loss):
        self.scale(loss).backward()


def test_one_generator_pass_per_iteration(adversarial, batch, monkeypatch):
    step, calls = adversarial(), []
    monkeypatch.setattr(
        step.generator_step.generator.backbone,
        "forward",
        _counted(step.generator_step.generator.backbone.forward, calls),
    )
    step(batch)
    assert len(calls) == 1


def _counted(function, calls):
    def call(*arguments):
        calls.append(1)
        return function(*arguments)

    return call


def test_both_networks_move(adversarial, batch):
    step = adversarial()
    networks = step.generator_step.generator, step.discriminator
    before = [weights_of(network) for network in networks]
    step(batch)
    for old, network in zip(before, networks, strict=True):
        assert any(not torch.equal(old[name], weight) for name, weight in network.named_parameters())


def test_matched_truth_goes_through_the_same_sampling_as_predictions(adversarial, batch):
    step = adversarial(LossConfig(real_masks="matched"))
    matched = step._real_masks(batch.masks)
    assert matched.shape == (4, 1, 64, 64)
    torch.testing.assert_close(matched[:, 0, ::8, ::8], batch.masks[:, ::8, ::8].float())
    assert len(matched.unique()) > 2


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_mean_divides_entropy_and_penalty_by_the_cells(batch, tiny_model, reduction):
    prediction = predict(tiny_model.generator, batch)
    loss, report = GridLoss(tiny_model.generator, LossConfig(ce_reduction=reduction))(prediction, batch.masks)
    reference, _ = GridLoss(tiny_model.generator, LossConfig(ce_reduction="sum"))(prediction, batch.masks)
    torch.testing.assert_close(loss * (1600 if reduction == "mean" else 1), reference)
    torch.testing.assert_close(report["ce"] + report["l2"], loss.detach())


def test_a_gradient_that_is_not_finite_changes_nothing(accelerator, tiny_model, batch):
    generator = tiny_model.generator
    generator.freeze_backbone(False)
    step = SupervisedStep(
        accelerator, generator, generator_optimizer(generator, CONFIG), GridLoss(generator, LossConfig())
    )
    step(batch)
    before = weights_of(generator)
    poisoned = dataclasses.replace(batch)
    hook = generator.head.register_forward_hook(lambda *arguments: arguments[-1] * float("nan"))
    report = step(poisoned)
    hook.remove()
    assert not torch.isfinite(report["gradient"])
    for name, weight in generator.named_parameters():
        assert torch.equal(before[name], weight), name
    step(batch)
    assert any(not torch.equal(before[name], weight) for name, weight in generator.named_parameters())


class PixelJudge(torch.nn.Module):
    """A discriminator that looks at single pixels, so that its verdict does not depend on the scene's scale."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(4, 1, 1)

    def forward(self, images, masks):
        return self.look(images, masks)[0]

    def look(self, images, masks):
        return self.layer(torch.cat([images / 127.5 - 1, masks * 2 - 1], dim=1)).mean(dim=(1, 2, 3)), []


class Painted(torch.nn.Module):
    """A generator that answers with the same 20 x 20 logits, which are its weights, at every image size."""

    stride, first_pixel = 8, 0

    def __init__(self, phrases):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.randn(phrases, 1, 20, 20))
        self.upsample = LegacyBilinear(8)

    def forward(self, images, image_index, tokens, lengths):
        factor = images.shape[-1] // 160
        grid = self.logits.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
        return Prediction(grid, self.upsample(grid))

    def regularised_weights(self):
        return [self.logits]


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_lambda_balances_both_losses_alike_at_every_size(accelerator, tiny_model, reduction):
    """One scene at 160 pixels and, each of them twice as wide and high, at 320: the same ratio of gradients."""
    scenes = SyntheticDataset("train", scenes=2, size=160)
    small = BatchStream(scenes, tiny_model.vocabulary, side=160, batch_size=3, steps=1, seed=0)[0]
    large = dataclasses.replace(
        small,
        images=small.images.repeat_interleave(2, 2).repeat_interleave(2, 3),
        masks=small.masks.repeat_interleave(2, 1).repeat_interleave(2, 2),
    )
    torch.manual_seed(0)
    generator, judge = Painted(phrases=3), PixelJudge()
    optimizer = torch.optim.Adam(generator.parameters(), lr=0.0, fused=True)
    its_optimizer = torch.optim.Adam(judge.parameters(), lr=0.0, fused=True)
    ratios = []
    for batch in (small, large):
        segmentation = GridLoss(generator, LossConfig(ce_reduction=reduction, weight_decay=0.0))
        supervised = SupervisedStep(accelerator, generator, optimizer, segmentation)
        entropy = supervised(batch)["gradient"]
        adversarial = AdversarialStep(supervised, judge, its_optimizer, LossConfig(ce_weight=0.0))(batch)["gradient"]
        ratios.append(float(adversarial / entropy))
    assert ratios[0] == pytest.approx(ratios[1], rel=0.1)
