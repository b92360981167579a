"""Training from cached features: as from images but for rounding, once per image, resumable bit for bit."""

import dataclasses

import pytest
import torch

from asgn.checkpoint import read_tensors
from asgn.errors import UserError
from asgn.experiments.runs.train import train_run
from asgn.models.mobilenet import MobileNetV2
from asgn.training import loop
from asgn.training.recorder import read_metrics


@pytest.fixture
def runs(plan_of, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 1)

    def make(folder, cached=True, variant="M+LSTM+DE+SE", **settings):
        plan = plan_of(folder, variant, **({"finetune": False, "flip": True} | settings))
        vit = {"vit_name": "test_vit"} if variant.startswith("V") else {}
        features = tmp_path / "features" if cached else None
        return dataclasses.replace(plan, cached_features=features, model_changes=plan.model_changes | vit)

    return make


def losses(plan):
    return [line["ce"] for line in read_metrics(plan.folder / "metrics.jsonl") if line["kind"] == "train"]


@pytest.mark.parametrize("variant", ["M+LSTM+DE+SE", "V+LSTM+DE+SE"])
def test_losses_are_those_of_the_images_but_for_rounding(runs, accelerator, variant):
    plain, cached = runs("plain", cached=False, variant=variant), runs("cached", variant=variant)
    assert train_run(plain, accelerator)
    assert train_run(cached, accelerator)
    torch.testing.assert_close(losses(cached), losses(plain), rtol=2e-3, atol=0.0)
    assert losses(cached) != losses(plain), "the cache was not read"


def test_no_feature_is_computed_twice(runs, accelerator, tmp_path, monkeypatch):
    train_run(runs("first"), accelerator)
    (folder,) = (tmp_path / "features").iterdir()
    assert {path.name for path in folder.iterdir()} == {"done.npy", "conv3.npy", "conv4.npy", "conv5.npy"}
    passed = []
    original = MobileNetV2.forward
    monkeypatch.setattr(MobileNetV2, "forward", lambda net, x: (passed.append(len(x)), original(net, x))[1])
    train_run(runs("plain", cached=False), accelerator)
    assert set(passed) == {1, 2}, "images of a training batch pass together, those of validation alone"
    passed.clear()
    train_run(runs("second"), accelerator)
    assert set(passed) == {1}


@pytest.mark.parametrize("variant", ["M+LSTM+DE+SE", "V+LSTM+DE+SE+AT"])
def test_a_stopped_and_resumed_run_equals_the_undisturbed_one(runs, accelerator, variant):
    whole, parts = runs("whole", variant=variant), runs("parts", variant=variant, steps=3)
    assert train_run(whole, accelerator)
    assert train_run(parts, accelerator)
    assert train_run(dataclasses.replace(runs("parts", variant=variant), resume=True), accelerator)
    one, other = (read_tensors(plan.folder / "last.safetensors")[0] for plan in (whole, parts))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_other_weights_have_features_of_their_own(runs, accelerator, tmp_path):
    for seed in (0, 1):
        train_run(runs(f"seed{seed}", seed=seed, steps=1), accelerator)
    assert len(list((tmp_path / "features").iterdir())) == 2


@pytest.mark.parametrize("settings", [{"finetune": True}, {"augment": True}])
def test_features_that_would_change_are_refused(runs, accelerator, settings):
    with pytest.raises(UserError, match="only of a frozen backbone"):
        train_run(runs("run", **settings), accelerator)
