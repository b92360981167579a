"""The switches that hold the discriminator back, and the average of the generator's weights."""

import copy
import dataclasses

import pytest
import torch

from asgn.checkpoint import load_model, read_tensors
from asgn.config import LossConfig, TrainConfig
from asgn.errors import UserError
from asgn.experiments.runs.assembly import build_state
from asgn.experiments.runs.train import train_run
from asgn.training import loop
from asgn.training.average import AveragedGenerator
from asgn.training.optimizers import generator_optimizer

SPECTRAL = LossConfig(
    adversarial_form="none",
    feature_matching=10.0,
    real_label=0.9,
    discriminator_floor=0.7,
    discriminator_norm="spectral",
    discriminator_output="cell",
    discriminator_input="mask",
)
DROPOUT = LossConfig(feature_matching=1.0, discriminator_norm="dropout", discriminator_input="product")


@pytest.mark.parametrize("losses", [SPECTRAL, DROPOUT], ids=["spectral", "dropout"])
def test_a_held_back_run_resumes_bit_for_bit(plan_of, accelerator, losses):
    settings = {"average_decay": 0.9, "discriminator_learning_rate": 1e-4, "validate_every": 2, "steps": 5}

    def run(folder, **changes):
        plan = dataclasses.replace(plan_of(folder, **(settings | changes)), losses=losses)
        assert train_run(plan, accelerator)
        return [read_tensors(plan.folder / name)[0] for name in ("last.safetensors", "best.safetensors")]

    whole = run("whole")
    run("parts", steps=2)
    for one, other in zip(whole, run("parts", resume=True), strict=True):
        assert one.keys() == other.keys()
        assert not [name for name in one if not torch.equal(one[name], other[name])]
    assert any(name.startswith("average.") for name in whole[0])


def test_a_good_discriminator_is_held(adversarial, batch):
    """Neither its weights nor Adam's moments move while its loss is below the floor; the generator's do."""
    step = adversarial()
    generator, discriminator = step.generator_step.generator, step.discriminator
    loss = float(step(batch)["discriminator"])
    moments = [state["exp_avg"].clone() for state in step.optimizer.state.values()]
    before = [copy.deepcopy(dict(network.named_parameters())) for network in (discriminator, generator)]
    step.losses = dataclasses.replace(step.losses, discriminator_floor=2 * loss)
    step(batch)
    assert all(torch.equal(before[0][name], weight) for name, weight in discriminator.named_parameters())
    held = [state["exp_avg"] for state in step.optimizer.state.values()]
    assert all(torch.equal(one, other) for one, other in zip(moments, held, strict=True))
    assert any(not torch.equal(before[1][name], weight) for name, weight in generator.named_parameters())
    step.losses = dataclasses.replace(step.losses, discriminator_floor=0.01 * loss)
    step(batch)
    assert any(not torch.equal(before[0][name], weight) for name, weight in discriminator.named_parameters())


def test_feature_matching_alone_draws_the_prediction_to_its_truth(adversarial, batch):
    """With D held and no cross entropy, what is descended is the distance of D's features."""
    step = adversarial(LossConfig(ce_weight=0.0, adversarial_form="none", feature_matching=1.0))
    step.optimizer.param_groups[0]["lr"] = 0.0
    first = float(step(batch)["adversarial"])
    for _ in range(20):
        last = float(step(batch)["adversarial"])
    assert last < 0.99 * first


def test_it_stands_beside_minus_log_d(adversarial, batch):
    step = adversarial(LossConfig(feature_matching=0.5))
    images, fake = batch.images[batch.image_index], torch.rand(4, 1, 64, 64)
    real = step._real_masks(batch.masks)
    both = step._adversarial(step.discriminator, images, fake, real)
    apart = []
    for losses in (LossConfig(), LossConfig(adversarial_form="none", feature_matching=1.0)):
        step.losses = losses
        apart.append(step._adversarial(step.discriminator, images, fake, real))
    torch.testing.assert_close(both, apart[0] + 0.5 * apart[1])


def test_no_adversarial_loss_at_all_is_refused():
    with pytest.raises(UserError, match="feature_matching"):
        LossConfig(adversarial_form="none")


def test_the_discriminator_has_a_rate_of_its_own(plan_of):
    state = build_state(plan_of(discriminator_learning_rate=1e-5))
    assert state.discriminator_optimizer.param_groups[0]["lr"] == 1e-5
    assert state.optimizer.param_groups[0]["lr"] == 2.5e-4
    assert build_state(plan_of()).discriminator_optimizer.param_groups[0]["lr"] == 2.5e-4


def test_the_average_is_the_textbooks(tiny_model):
    generator = tiny_model.generator
    generator.freeze_backbone(True)
    average = AveragedGenerator(generator, generator_optimizer(generator, TrainConfig()), decay=0.6)
    weight = generator.head.score.weight
    expected = weight.detach().clone()
    for step in (1, 2, 30):
        with torch.no_grad():
            weight += step
        decay = min(0.6, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight.detach()
        average.follow(step)
    torch.testing.assert_close(average.network.head.score.weight, expected)
    assert not any(name.startswith("backbone.") for name in average.tensors())


def test_the_average_is_what_is_validated_and_kept(plan_of, accelerator, monkeypatch):
    seen = []
    original = loop._validate_and_keep_best
    monkeypatch.setattr(
        loop, "_validate_and_keep_best", lambda state, *rest: (seen.append(state), original(state, *rest))
    )
    plan = plan_of(average_decay=0.9, learning_rate=1e-2)
    train_run(plan, accelerator)
    tensors, _ = read_tensors(plan.folder / "last.safetensors")
    best = load_model(plan.folder / "best.safetensors").generator.state_dict()
    name = "head.score.weight"
    assert torch.equal(best[name], tensors[f"average.{name}"])
    assert not torch.equal(best[name], tensors[f"generator.{name}"])
    assert seen[-1].evaluated.generator is seen[-1].average.network
