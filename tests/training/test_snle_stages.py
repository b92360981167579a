"""SNLE's own training: negatives, batches, warm-up, and Adam in place of it all."""

import dataclasses

import pytest
import torch

from asgn.config import TrainConfig
from asgn.data.loading.batches import BatchStream
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.errors import UserError
from asgn.experiments.runs.assembly import RunConfig, build_state, build_step
from asgn.experiments.runs.train import train_run
from asgn.models.vgg import VGG16
from asgn.training import snle
from asgn.variants import Variant
from tests.conftest import TINY


def test_negatives_miss_the_object_whatever_its_place():
    torch.manual_seed(0)
    boxes = torch.tensor([[0, 0, 30, 63], [20, 20, 40, 40], [1, 0, 63, 63], [0, 0, 63, 63]])
    found, owners = snle.boxes_beside(boxes, 64, 50)
    assert owners.bincount().tolist() == [50, 50, 50], "the last box fills the image, and none misses it"
    assert ((found >= 0) & (found < 64)).all()
    assert (found[:, :2] <= found[:, 2:]).all()
    own = boxes[owners]
    apart = (found[:, 2:] < own[:, :2]).any(dim=1) | (found[:, :2] > own[:, 2:]).any(dim=1)
    assert apart.all()
    middle = found[50:100]
    strips = (middle[:, 2] < 20, middle[:, 0] > 40, middle[:, 3] < 20, middle[:, 1] > 40)
    assert all(strip.any() for strip in strips), "they lie on every side of it"
    assert len(middle.unique(dim=0)) > 40


def snle_config(tmp_path, row="SNLE+AT", **train):
    return RunConfig(
        variant=Variant.parse(row),
        train_data=SyntheticDataset("train", scenes=2, size=64),
        validation_data=SyntheticDataset("val", scenes=1, size=64),
        folder=tmp_path / "run",
        train=TrainConfig(**{"steps": 73, "workers": 0} | train),
        model_changes=TINY,
        weights="random",
    )


def test_snle_takes_its_own_batches_unless_given_others(tmp_path):
    own = snle_config(tmp_path)
    assert own.batch_sizes == ((0, 50), (25, 10), (55, 10))
    assert [own.batch_at(step) for step in (0, 24, 25, 72)] == [50, 50, 10, 10]
    assert snle_config(tmp_path, snle_batches="given", batch_size=4).batch_sizes == ((0, 4),)
    assert snle_config(tmp_path, snle="adam", batch_size=4).batch_sizes == ((0, 4),)
    assert snle_config(tmp_path, row="M+LSTM", batch_size=4).batch_sizes == ((0, 4),)


@pytest.mark.parametrize("change", [{"learning_rate": 1e-3}, {"schedule": "poly"}])
def test_rates_that_snles_stages_would_not_heed_are_refused(tmp_path, change):
    with pytest.raises(UserError, match="whose rates are their own"):
        snle_config(tmp_path, **change)
    assert snle_config(tmp_path, snle="adam", **change).train


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setattr(VGG16, "classifier_size", 32)


def test_the_first_stage_has_negatives_for_a_single_phrase(tmp_path, accelerator, narrow):
    config = snle_config(tmp_path, row="SNLE", snle_negatives=2)
    state = build_state(config)
    step = build_step(state, config, accelerator)
    batch = BatchStream(config.train_data, state.model.vocabulary, side=64, batch_size=1, steps=1, seed=3)[0]
    assert batch.masks.any()
    logits, target = step._boxes(batch)
    assert logits.shape == (3,)
    assert target.tolist() == [1, 0, 0]
    assert {"ce", "l2", "loss"} <= step(batch).keys()


def test_the_warm_up_of_snle_at_is_snles_own_step(tmp_path, accelerator, narrow, monkeypatch):
    """Within it nothing is adversarial, and plain descent moves as far as without AT."""
    monkeypatch.setattr(snle, "stage_at", lambda step, steps: (snle.snle.SCHEDULE[2], 0, step == 0))
    weights, reports = [], []
    for row in ("SNLE", "SNLE+AT"):
        torch.manual_seed(0)
        config = snle_config(tmp_path, row, warmup_steps=1)
        state = build_state(config)
        step = build_step(state, config, accelerator)
        batch = BatchStream(config.train_data, state.model.vocabulary, side=64, batch_size=2, steps=2, seed=0)[0]
        reports.append(step(batch))
        weights.append(state.model.generator.head.score.weight.detach().clone())
    assert reports[0].keys() == reports[1].keys()
    torch.testing.assert_close(weights[0], weights[1])
    state.step = 1
    assert "adversarial" in step(batch)


def test_snle_by_adam_is_one_stage_at_320_pixels(tmp_path, accelerator, narrow):
    config = snle_config(tmp_path, snle="adam", learning_rate=1e-3, schedule="poly", batch_size=2)
    state = build_state(dataclasses.replace(config, model_changes={k: v for k, v in TINY.items() if k != "image_size"}))
    assert state.model.config.image_size == 320
    assert isinstance(state.optimizer, torch.optim.Adam)
    assert state.optimizer.param_groups[0]["lr"] == 1e-3
    state = build_state(config)
    step = build_step(state, config, accelerator)
    batch = BatchStream(config.train_data, state.model.vocabulary, side=64, batch_size=2, steps=1, seed=0)[0]
    entropies = [float(step(batch)["ce"]) for _ in range(10)]
    assert entropies[-1] < entropies[0]


def test_who_trains_on_referits_train_split_is_told(plan_of, accelerator, caplog):
    class Referit(SyntheticDataset):
        name = "referit"

    plan = dataclasses.replace(plan_of(steps=1), train_data=Referit("train", scenes=2, size=64), allow_leak=True)
    train_run(plan, accelerator)
    assert "trainval" in caplog.text
