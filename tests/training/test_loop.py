"""Runs: reproducible, resumable bit for bit, careful with what is there."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch

from asgn.checkpoint import load_model, read_tensors
from asgn.errors import CheckpointError, UserError
from asgn.experiments.runs.assembly import build_state
from asgn.experiments.runs.train import train_run
from asgn.training import loop
from asgn.training.recorder import read_metrics


def tensors_of(folder):
    return read_tensors(folder / "last.safetensors")[0]


def assert_same_tensors(one, other):
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


@pytest.fixture
def log_every_step(monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 1)


def test_the_same_seed_gives_the_same_curve_twice(plan_of, accelerator, log_every_step):
    curves = []
    for folder in ("one", "two"):
        plan = plan_of(folder)
        assert train_run(plan, accelerator)
        lines = read_metrics(plan.folder / "metrics.jsonl")
        timed = [key for line in lines for key in line if key == "seconds" or key.endswith("_per_second")]
        curves.append([{key: value for key, value in line.items() if key not in timed} for line in lines])
    assert curves[0] == curves[1]
    assert len([line for line in curves[0] if line["kind"] == "train"]) == 6


def test_another_seed_gives_another_curve(plan_of, accelerator):
    for seed in (0, 1):
        assert train_run(plan_of(f"seed{seed}", seed=seed, steps=2), accelerator)
    one, two = (tensors_of(plan_of(f"seed{seed}").folder) for seed in (0, 1))
    assert any(not torch.equal(one[name], two[name]) for name in one)


def test_a_stopped_and_resumed_run_equals_the_undisturbed_one(plan_of, accelerator):
    train_run(plan_of("whole"), accelerator)
    train_run(plan_of("parts", steps=3), accelerator)
    train_run(plan_of("parts", resume=True), accelerator)
    assert_same_tensors(tensors_of(plan_of("whole").folder), tensors_of(plan_of("parts").folder))


def test_a_signal_saves_the_state_and_stops(plan_of, accelerator, monkeypatch):
    original = loop.TrainingState.save
    saved = []

    def save(self, *to, **keep):
        saved.append(self.step)
        original(self, *to, **keep)

    monkeypatch.setattr(loop.TrainingState, "save", save)
    plan = plan_of("signalled", validate_every=2)
    validate = loop._validate_and_keep_best
    monkeypatch.setattr(
        loop, "_validate_and_keep_best", lambda *a: (validate(*a), os.kill(os.getpid(), signal.SIGTERM))[0]
    )
    assert not train_run(plan, accelerator)
    assert saved == [2]
    monkeypatch.undo()
    assert train_run(plan_of("signalled", resume=True), accelerator)
    train_run(plan_of("whole"), accelerator)
    assert_same_tensors(tensors_of(plan.folder), tensors_of(plan_of("whole").folder))


def test_a_second_run_does_not_overwrite_the_first(plan_of, accelerator):
    train_run(plan_of(steps=1), accelerator)
    with pytest.raises(UserError, match="--resume"):
        train_run(plan_of(steps=1), accelerator)


def test_resuming_nothing_is_said(plan_of, accelerator):
    with pytest.raises(CheckpointError, match="nothing to resume"):
        train_run(plan_of(resume=True), accelerator)


@pytest.mark.parametrize(
    ("change", "named"), [({"variant": "M+LSTM"}, "M\\+LSTM"), ({"learning_rate": 1.0}, "learning_rate")]
)
def test_another_variant_or_setting_cannot_resume(plan_of, accelerator, change, named):
    train_run(plan_of(steps=1), accelerator)
    with pytest.raises(CheckpointError, match=named):
        train_run(plan_of(resume=True, **change), accelerator)


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(plan_of, accelerator, caplog):
    train_run(plan_of("hurt", steps=4, checkpoint_every=2), accelerator)
    newest = plan_of("hurt").folder / "last.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    assert train_run(plan_of("hurt", resume=True, checkpoint_every=2), accelerator)
    assert "set aside" in caplog.text
    assert (newest.parent / "damaged.safetensors").exists()
    train_run(plan_of("whole"), accelerator)
    assert_same_tensors(tensors_of(newest.parent), tensors_of(plan_of("whole").folder))


def test_metrics_of_repeated_steps_are_written_once(plan_of, accelerator, log_every_step):
    train_run(plan_of("parts", steps=3), accelerator)
    metrics = plan_of("parts").folder / "metrics.jsonl"
    with metrics.open("a") as file:
        file.write(json.dumps({"step": 5, "kind": "train", "loss": 1.0}) + "\n" + '{"step": 6, "ki')
    train_run(plan_of("parts", resume=True), accelerator)
    steps = [line["step"] for line in read_metrics(metrics) if line["kind"] == "train"]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_the_best_checkpoint_rebuilds_its_model_alone(plan_of, accelerator, scenes):
    plan = plan_of()
    train_run(plan, accelerator)
    model = load_model(plan.folder)
    assert model.config.variant == "M+LSTM+DE+SE+AT"
    assert model.provenance["data"]["fingerprint"] == scenes.fingerprint()
    assert not any(name.startswith("discriminator") for name in read_tensors(plan.folder / "best.safetensors")[0])


def test_training_lowers_the_loss(plan_of, accelerator):
    plan = plan_of(steps=40, learning_rate=3e-3, variant="M+LSTM+DE+SE")
    train_run(plan, accelerator)
    losses = [line["ce"] for line in read_metrics(plan.folder / "metrics.jsonl") if line["kind"] == "train"]
    assert losses[-1] < 0.95 * losses[0]


def test_the_scale_of_losses_in_fp16_is_kept(plan_of, tmp_path):
    state, again = build_state(plan_of()), build_state(plan_of())
    state.scaler, again.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0), torch.amp.GradScaler("cpu")
    state.save(tmp_path / "state.safetensors")
    again.restore(tmp_path / "state.safetensors")
    assert again.scaler.state_dict() == state.scaler.state_dict()
    assert again.scaler.get_scale() == 1024


@pytest.mark.parametrize(
    ("variant", "size", "goes_on"), [("M+LSTM+AT", 64, False), ("M+LSTM", 64, True), ("M+LSTM+AT", 320, True)]
)
def test_a_run_whose_lambda_meant_something_else_is_not_resumed(plan_of, tmp_path, variant, size, goes_on):
    plan = plan_of(variant=variant)
    plan = replace(plan, model_changes=plan.model_changes | {"image_size": size})
    older, file = build_state(plan), tmp_path / "older.safetensors"
    del older.settings["losses"]["real_label"]  # as the versions wrote it whose sums grew with the grid
    older.save(file)
    if goes_on:
        build_state(plan).restore(file)
    else:
        with pytest.raises(CheckpointError, match=r"begun by an earlier version, whose lambda .* at 64 pixels"):
            build_state(plan).restore(file)
