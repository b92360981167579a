"""What a run will take, and what it took."""

import dataclasses
import json
import math

import pytest
import torch

from asgn.errors import UserError
from asgn.experiments.planning import rehearsal
from asgn.experiments.planning.estimate import plan_hours, plan_run
from asgn.experiments.planning.rehearsal import stretches, times_due, validation_size
from asgn.experiments.runs.summary import summary_line
from asgn.experiments.runs.train import train_run
from asgn.training.loop import is_due
from asgn.variants import Variant


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(rehearsal, "THOROUGH", rehearsal.THOROUGH._replace(most=3))


def test_an_estimate_multiplies_what_was_measured(plan_of, accelerator, monkeypatch):
    monkeypatch.setattr(rehearsal.Rehearsal, "step_seconds", lambda self, first, micro, is_brief: 2.0 if first else 1.0)
    monkeypatch.setattr(rehearsal.Rehearsal, "extras", lambda self: ((0.5, 3.0), 0.1))
    monkeypatch.setattr(rehearsal.Rehearsal, "memory", lambda self, micro: (3.0, 5.0, micro))
    plan = plan_of(steps=100, warmup_steps=40, batch_size=8, validate_every=30, checkpoint_every=50)
    estimate = plan_run(plan, accelerator, gpu_memory=4.5)
    assert estimate.hours_training * 3600 == pytest.approx(40 * 1.0 + 60 * 2.0)
    assert estimate.hours_validating * 3600 == pytest.approx(4 * 2 * 0.5)
    assert estimate.hours_saving * 3600 == pytest.approx(2 * 3.0)
    assert estimate.samples_per_second == pytest.approx(100 * 8 / 160)
    assert (estimate.gibibytes_per_expression, estimate.gibibytes_at_rest) == (0.5, 1.0)
    assert estimate.micro_batch == 6  # 1 + 0.5 * 6 = 4 of the 4.05 GiB that can be used
    assert estimate.accumulation == 2
    assert estimate.peak_gibibytes == pytest.approx(4.0)


@pytest.mark.parametrize(("memory", "micro", "fits"), [(100.0, 8, True), (2.0, 1, True), (1.0, 1, False)])
def test_the_micro_batch_is_between_one_and_the_batch(plan_of, accelerator, monkeypatch, memory, micro, fits):
    monkeypatch.setattr(rehearsal.Rehearsal, "step_seconds", lambda self, first, micro, is_brief: 1.0)
    monkeypatch.setattr(rehearsal.Rehearsal, "extras", lambda self: ((0.5, 3.0), 0.1))
    monkeypatch.setattr(rehearsal.Rehearsal, "memory", lambda self, micro: (3.0, 5.0, micro))
    estimate = plan_run(plan_of(batch_size=8), accelerator, gpu_memory=memory)
    assert (estimate.micro_batch, estimate.fits) == (micro, fits)


def test_a_batch_that_overflows_is_halved(plan_of, accelerator, monkeypatch):
    tried = []

    def peak(self, size):
        tried.append(size)
        return math.inf if size > 2 else 1.0 + size

    monkeypatch.setattr(rehearsal.Rehearsal, "_peak", peak)
    monkeypatch.setattr(rehearsal.Rehearsal, "step_seconds", lambda self, first, micro, is_brief: float(micro))
    estimate = plan_run(plan_of(batch_size=8, steps=2), accelerator)
    assert tried == [4, 8, 2, 4, 1, 2]
    assert (estimate.micro_batch, estimate.accumulation) == (2, 4)
    assert estimate.seconds_per_step == 2.0
    assert estimate.gibibytes_per_expression == pytest.approx(1.0)


def test_one_expression_that_overflows_is_said(plan_of, accelerator, monkeypatch):
    def overflow(*arguments):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(rehearsal, "build_step", lambda *arguments: overflow)
    with pytest.raises(UserError, match="overflows the GPU"):
        plan_run(plan_of(), accelerator)
    with pytest.raises(UserError, match="a batch of 4 overflows the GPU: give a smaller --batch-size"):
        plan_hours(plan_of(), accelerator)


def test_rough_hours_are_those_of_every_stretch_and_what_comes_between(plan_of, accelerator, monkeypatch):
    taken = []

    def seconds(self, first, micro, is_brief):
        taken.append((first, micro, is_brief))
        return 2.0 if first else 1.0

    monkeypatch.setattr(rehearsal.Rehearsal, "step_seconds", seconds)
    monkeypatch.setattr(rehearsal.Rehearsal, "extras", lambda self: ((0.5, 3.0), 0.1))
    plan = plan_of(steps=100, warmup_steps=40, batch_size=8, validate_every=30, checkpoint_every=50)
    assert plan_hours(plan, accelerator) * 3600 == pytest.approx(40 * 1.0 + 60 * 2.0 + 4 * 2 * 0.5 + 2 * 3.0)
    assert taken == [(0, 8, True), (40, 8, True)]


def test_a_brief_rehearsal_takes_at_most_six_steps(plan_of, accelerator, monkeypatch):
    steps = []
    monkeypatch.setattr(rehearsal, "build_step", lambda *arguments: steps.append)
    rehearsal.Rehearsal(plan_of(steps=100), accelerator).step_seconds(0, 4, is_brief=True)
    assert len(steps) == 6
    monkeypatch.setattr(rehearsal, "BRIEF", rehearsal.BRIEF._replace(seconds=0.0))
    steps.clear()
    rehearsal.Rehearsal(plan_of(steps=100), accelerator).step_seconds(0, 4, is_brief=True)
    assert len(steps) == 2


def test_stretches_are_the_warm_up_and_snles_stages(plan_of):
    assert stretches(plan_of(steps=10)) == [(0, 10)]
    assert stretches(plan_of(steps=10, warmup_steps=4)) == [(0, 4), (4, 6)]
    assert stretches(plan_of(steps=10, warmup_steps=40)) == [(0, 10)]
    assert stretches(plan_of(variant="M+LSTM", steps=10, warmup_steps=4)) == [(0, 10)]
    snle = dataclasses.replace(plan_of(steps=73), variant=Variant.parse("SNLE"))
    assert stretches(snle) == [(0, 25), (25, 30), (55, 18)]


@pytest.mark.parametrize(("every", "steps", "count"), [(0, 10, 1), (3, 10, 4), (5, 10, 2), (20, 10, 1)])
def test_times_due_counts_what_the_loop_does(every, steps, count):
    assert times_due(every, steps) == count == sum(is_due(step, every, steps) for step in range(1, steps + 1))


def test_a_validation_takes_images_not_phrases(plan_of):
    assert validation_size(plan_of(steps=6, validate_every=4)) == (2, 2)
    assert validation_size(plan_of(steps=6, validation_limit=1))[0] == 1


def test_a_plan_leaves_nothing_behind_and_the_summary_is_set_against_it(plan_of, accelerator):
    plan = plan_of(steps=4, validate_every=2)
    estimate = plan_run(plan, accelerator)
    assert not plan.folder.exists()
    assert estimate.gibibytes_at_rest > 0
    plan.folder.mkdir()
    (plan.folder / "plan.json").write_text(json.dumps(estimate.to_json()))
    train_run(plan, accelerator)
    summary = json.loads((plan.folder / "summary.json").read_text())
    assert summary["steps"] == summary["steps_of_session"] == 4
    assert summary["best"]["step"] in (2, 4)
    assert summary["last"]["step"] == 4
    assert summary["hours"] > 0
    assert summary["planned"]["hours"] == pytest.approx(estimate.hours)
    error = estimate.hours / summary["hours"] - 1
    assert summary["planned"]["error_of_time"] == pytest.approx(error)
    assert "best oIoU" in summary_line(plan.folder)
    assert "planned" in summary_line(plan.folder)


def test_a_resumed_run_is_set_against_its_share_of_the_plan(plan_of, accelerator):
    train_run(plan_of(steps=3), accelerator)
    plan = plan_of(steps=4, resume=True)
    described = {"variant": str(plan.variant), "batch_size": 4, "hours": 8.0, "samples_per_second": 1.0}
    (plan.folder / "plan.json").write_text(json.dumps(described | {"peak_gibibytes": 1.0}))
    train_run(plan, accelerator)
    summary = json.loads((plan.folder / "summary.json").read_text())
    assert (summary["steps"], summary["steps_of_session"]) == (4, 1)
    assert summary["planned"]["hours"] == pytest.approx(2.0)


@pytest.mark.parametrize("text", ["{", "[]", '{"variant": "M+LSTM+DE+SE+AT"}'])
def test_a_broken_plan_is_said_and_left_out(plan_of, accelerator, caplog, text):
    plan = plan_of(steps=1)
    plan.folder.mkdir()
    (plan.folder / "plan.json").write_text(text)
    assert train_run(plan, accelerator)
    assert "is not a plan" in caplog.text
    assert json.loads((plan.folder / "summary.json").read_text())["planned"] is None


def test_a_plan_of_another_run_is_left_out(plan_of, accelerator):
    plan = plan_of(steps=1)
    plan.folder.mkdir()
    other = {"variant": "M+LSTM", "batch_size": 4, "hours": 1.0, "samples_per_second": 1.0, "peak_gibibytes": 1.0}
    (plan.folder / "plan.json").write_text(json.dumps(other))
    train_run(plan, accelerator)
    assert json.loads((plan.folder / "summary.json").read_text())["planned"] is None
