"""What is written while a run proceeds."""

import pytest
import torch

from asgn.experiments.runs.train import train_run
from asgn.training import loop
from asgn.training.balance import BalanceWatch
from asgn.training.recorder import Recorder, read_metrics

ADVERSARIAL = {
    "ce", "l2", "loss", "gradient", "adversarial", "discriminator", "discriminator_gradient",
    "real_accuracy", "fake_accuracy", "samples_per_second", "images_per_second",
}  # fmt: skip


@pytest.mark.parametrize("micro_batch", [0, 2])
def test_a_run_writes_both_sides_of_the_game(plan_of, accelerator, monkeypatch, micro_batch):
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    plan = plan_of(steps=2, micro_batch=micro_batch)
    train_run(plan, accelerator)
    lines = read_metrics(plan.folder / "metrics.jsonl")
    for line in lines:
        if line["kind"] == "train":
            assert line.keys() >= ADVERSARIAL
            assert line["images_per_second"] / line["samples_per_second"] == pytest.approx(0.5, abs=0.26)
    assert {"oIoU", "mIoU", "Pr@0.5"} <= lines[-1].keys()


def test_images_count_once_for_their_phrases(tmp_path):
    with Recorder(tmp_path, 4, 0, quiet=True) as recorder:
        for images in (2, 2, 4):
            recorder.add({"loss": torch.tensor(1.0)}, phrases=8, images=images)
        recorder.read(3)
    (line,) = read_metrics(tmp_path / "metrics.jsonl")
    assert line["samples_per_second"] / line["images_per_second"] == pytest.approx(24 / 8)


def test_the_watch_is_told_of_ds_mean_loss(tmp_path, caplog):
    with Recorder(tmp_path, 1000, 0, quiet=True, watch=BalanceWatch("literal")) as recorder:
        for step in range(1, 601):
            recorder.add({"loss": torch.tensor(1.0), "discriminator": torch.tensor(0.01)})
            if step % 20 == 0:
                recorder.read(step)
    assert [message for message in caplog.messages if "has won" in message] == caplog.messages
    assert len(caplog.messages) == 1


def test_a_run_without_ds_loss_is_not_watched(tmp_path, caplog):
    with Recorder(tmp_path, 1000, 0, quiet=True, watch=BalanceWatch("literal")) as recorder:
        for step in range(20, 700, 20):
            recorder.add({"loss": torch.tensor(1.0)})
            recorder.read(step)
    assert not caplog.messages
