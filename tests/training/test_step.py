"""Which step moves which network, and in which direction."""

import copy
import dataclasses

import pytest
import torch

from asgn.config import LossConfig, TrainConfig
from asgn.data.loading.batches import BatchStream
from asgn.losses import adversarial_loss
from asgn.models.discriminator import Discriminator
from asgn.training.optimizers import discriminator_optimizer, generator_optimizer
from asgn.training.step import AdversarialStep, GridLoss, SupervisedStep, predict

CONFIG = TrainConfig(finetune=True, batch_size=4)


@pytest.fixture
def batch(scenes, tiny_model):
    stream = BatchStream(scenes, tiny_model.vocabulary, side=64, batch_size=4, steps=1, seed=0)
    return stream[0]


@pytest.fixture
def adversarial(accelerator, tiny_model):
    torch.manual_seed(0)
    generator, discriminator = tiny_model.generator, Discriminator((4, 4, 4, 4, 4))
    generator.freeze_backbone(False)

    def make(losses: LossConfig | None = None) -> AdversarialStep:
        return AdversarialStep(
            accelerator,
            generator,
            generator_optimizer(generator, CONFIG),
            discriminator,
            discriminator_optimizer(discriminator, CONFIG),
            GridLoss(generator, losses or LossConfig()),
            losses or LossConfig(),
        )

    return make


def weights_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(dict(network.named_parameters()))


def test_the_discriminators_step_leaves_the_generator_without_gradient(adversarial, batch):
    step = adversarial()
    prediction = predict(step.generator, batch)
    fake = torch.sigmoid(prediction.pixels).detach()
    step._step_discriminator(batch.images[batch.image_index], batch.masks.unsqueeze(1).float(), fake)
    assert all(weight.grad is None for weight in step.generator.parameters())
    assert any(weight.grad.abs().sum() > 0 for weight in step.discriminator.parameters())


def test_the_generators_score_leaves_the_discriminator_without_gradient(adversarial, batch):
    step = adversarial()
    fake = torch.sigmoid(predict(step.generator, batch).pixels)
    adversarial_loss(step._score_frozen(batch.images[batch.image_index], fake), "non-saturating").backward()
    assert all(weight.grad is None for weight in step.discriminator.parameters())
    assert all(weight.requires_grad for weight in step.discriminator.parameters())
    assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in step.generator.parameters())


def test_generator_steps_alone_lower_minus_log_d(adversarial, batch):
    """With D held and no cross entropy, descending L_adv must raise D's score of the prediction."""
    step = adversarial(LossConfig(ce_weight=0.0))
    step._step_discriminator = lambda *_: {}
    first = float(step(batch)["adversarial"])
    for _ in range(20):
        last = float(step(batch)["adversarial"])
    assert last < first - 0.01


def test_one_generator_pass_per_iteration(adversarial, batch, monkeypatch):
    step, calls = adversarial(), []
    monkeypatch.setattr(step.generator.backbone, "forward", _counted(step.generator.backbone.forward, calls))
    step(batch)
    assert len(calls) == 1


def _counted(function, calls):
    def call(*arguments):
        calls.append(1)
        return function(*arguments)

    return call


def test_both_networks_move(adversarial, batch):
    step = adversarial()
    before = weights_of(step.generator), weights_of(step.discriminator)
    step(batch)
    for old, network in zip(before, (step.generator, step.discriminator), strict=True):
        assert any(not torch.equal(old[name], weight) for name, weight in network.named_parameters())


def test_matched_truth_goes_through_the_same_sampling_as_predictions(adversarial, batch):
    step = adversarial(LossConfig(real_masks="matched"))
    matched = step._real_masks(step.generator, batch.masks)
    assert matched.shape == (4, 1, 64, 64)
    torch.testing.assert_close(matched[:, 0, ::8, ::8], batch.masks[:, ::8, ::8].float())
    assert len(matched.unique()) > 2


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_mean_divides_entropy_and_penalty_by_the_cells(batch, tiny_model, reduction):
    prediction = predict(tiny_model.generator, batch)
    loss, report = GridLoss(tiny_model.generator, LossConfig(ce_reduction=reduction))(prediction, batch.masks)
    reference, _ = GridLoss(tiny_model.generator, LossConfig(ce_reduction="sum"))(prediction, batch.masks)
    torch.testing.assert_close(loss * (64 if reduction == "mean" else 1), reference)
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
