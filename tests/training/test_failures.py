"""What a run does when its disk, its checkpoint or its numbers fail: one clear line, nothing lost."""

import errno
import os
import resource

import pytest
import torch

from asgn.checkpoint import read_tensors
from asgn.errors import CheckpointError, OutputError
from asgn.experiments.runs.train import train_run
from asgn.training import loop, step
from asgn.training.loop import DivergedError
from asgn.training.recorder import Recorder, read_metrics


def one_line(raised) -> str:
    text = str(raised.value)
    assert "\n" not in text
    return text


@pytest.fixture
def files_limited():
    """Let files grow to so many bytes only, which the kernel refuses as it refuses a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_keeps_the_last_checkpoint(plan_of, accelerator, monkeypatch, files_limited):
    plan, saved = plan_of(checkpoint_every=2), []
    original = loop.save_state

    def save(state, folder):
        if saved:
            files_limited(100_000)
        saved.append(state.step)
        original(state, folder)

    monkeypatch.setattr(loop, "save_state", save)
    with pytest.raises(OutputError) as raised:
        train_run(plan, accelerator)
    files_limited(resource.RLIM_INFINITY)
    monkeypatch.undo()
    assert saved == [2, 4]
    assert "File too large" in one_line(raised)
    assert one_line(raised).endswith("repeat the command with --resume")
    assert read_tensors(plan.folder / "last.safetensors")[1]["training"]["step"] == 2
    assert not list(plan.folder.glob(".*.tmp"))

    assert train_run(plan_of(checkpoint_every=2, resume=True), accelerator)
    train_run(plan_of("whole"), accelerator)
    ended, whole = (read_tensors(plan_of(name).folder / "last.safetensors")[0] for name in ("run", "whole"))
    assert all(torch.equal(tensor, ended[name]) for name, tensor in whole.items())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_too_full_for_metrics_is_said(plan_of, accelerator, monkeypatch, number):
    def refuse(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Recorder, "write", refuse)
    with pytest.raises(OutputError, match=f"{os.strerror(number)}; no checkpoint had been written yet") as raised:
        train_run(plan_of(), accelerator)
    assert one_line(raised)


def test_other_errors_of_the_system_are_not_disguised(plan_of, accelerator, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(Recorder, "write", fail)
    with pytest.raises(OSError, match="too many open files"):
        train_run(plan_of(), accelerator)


def test_a_folder_that_cannot_be_made(plan_of, accelerator, tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OutputError, match=r"cannot write to folder .*run") as raised:
        train_run(plan_of(), accelerator)
    assert one_line(raised)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_a_folder_that_may_only_be_read(plan_of, accelerator, tmp_path):
    (tmp_path / "run").mkdir(mode=0o500)
    with pytest.raises(OutputError, match=r"cannot write to folder .*run: Permission denied"):
        train_run(plan_of(), accelerator)


def test_two_damaged_checkpoints_end_in_one_line(plan_of, accelerator):
    train_run(plan_of(steps=2, checkpoint_every=1), accelerator)
    for name in ("last", "previous"):
        path = plan_of().folder / f"{name}.safetensors"
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"previous.safetensors cannot be read") as raised:
        train_run(plan_of(resume=True), accelerator)
    assert one_line(raised)


def test_a_run_that_only_its_previous_checkpoint_is_left_of_is_not_overwritten(plan_of, accelerator):
    train_run(plan_of(steps=2, checkpoint_every=1), accelerator)
    (plan_of().folder / "last.safetensors").unlink()
    with pytest.raises(OutputError.__base__, match="--resume"):
        train_run(plan_of(), accelerator)


@pytest.fixture
def poisoned(monkeypatch):
    """Make the cross entropy of chosen steps not a number."""
    steps, taken = set(), []
    entropy = step.cross_entropy

    def poison(*arguments):
        taken.append(None)
        return entropy(*arguments) * (float("nan") if len(taken) in steps else 1)

    monkeypatch.setattr(step, "cross_entropy", poison)
    return steps


def test_a_step_that_is_not_a_number_is_skipped_and_counted(plan_of, accelerator, poisoned, monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 3)
    poisoned |= {2, 3, 5}
    plan = plan_of()
    assert train_run(plan, accelerator)
    lines = [line for line in read_metrics(plan.folder / "metrics.jsonl") if line["kind"] == "train"]
    assert [line["skipped"] for line in lines] == [2, 1]
    assert all(value == value for line in lines for value in line.values()), "a mean is over the steps taken"
    assert all(tensor.isfinite().all() for tensor in read_tensors(plan.folder / "last.safetensors")[0].values())


def test_a_prediction_that_is_not_a_number_leaves_no_trace(plan_of, accelerator, monkeypatch):
    original, passes = step.predict, []

    def predict(*arguments):
        passes.append(None)
        prediction = original(*arguments)
        return prediction if len(passes) != 3 else type(prediction)(*(part * float("nan") for part in prediction))

    monkeypatch.setattr(step, "predict", predict)
    plan = plan_of()
    assert train_run(plan, accelerator)
    assert sum(line.get("skipped", 0) for line in read_metrics(plan.folder / "metrics.jsonl")) == 1
    assert all(tensor.isfinite().all() for tensor in read_tensors(plan.folder / "last.safetensors")[0].values())


def test_a_run_that_only_skips_stops_with_a_diagnosis(plan_of, accelerator, poisoned, monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    poisoned |= set(range(2, 100))
    with pytest.raises(DivergedError) as raised:
        train_run(plan_of(steps=20), accelerator)
    assert "since about step 1 were skipped" in one_line(raised)
    assert "ce" in one_line(raised)
    assert "asgn data verify" in one_line(raised)


def test_gradients_alone_that_overflow_get_another_diagnosis(plan_of, accelerator, monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    monkeypatch.setattr(step.torch.nn.utils, "get_total_norm", lambda gradients: torch.tensor(float("inf")))
    with pytest.raises(DivergedError, match=r"gradient, while the cross entropy is; .* --precision bf16 or no"):
        train_run(plan_of(steps=20, variant="M+LSTM"), accelerator)
