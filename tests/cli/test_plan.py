"""`asgn plan`, and `asgn train` after it."""

import json

import pytest

from asgn.experiments.planning import rehearsal

ROW = ("M+LSTM+AT", "--data", "synthetic")
OPTIONS = ("--steps", 2, "--batch-size", 2, "--image-size", 64, "--workers", 0, "--validation-limit", 2, "--cpu")


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(rehearsal, "THOROUGH", rehearsal.THOROUGH._replace(most=3))


def test_a_run_is_set_against_its_plan(asgn, tmp_path):
    run = tmp_path / "run"
    planned = asgn("plan", *ROW, *OPTIONS, "--gpu-memory", 24, "--out", run)
    assert planned.code == 0, planned.err
    assert "samples/s" in planned.out
    plan = json.loads((run / "plan.json").read_text())
    assert plan["micro_batch"] == 2
    assert plan["fits"]
    trained = asgn("train", *ROW, *OPTIONS, "--weights", "random", "--out", run, "--quiet")
    assert trained.code == 0, trained.err
    assert "2 steps in" in trained.out
    assert "planned were" in trained.out


def test_a_plan_for_machines(asgn):
    outcome = asgn("plan", *ROW, *OPTIONS, "--json")
    estimate = json.loads(outcome.out)
    assert estimate["variant"] == "M+LSTM+AT"
    parts = estimate["hours_training"] + estimate["hours_validating"] + estimate["hours_saving"]
    assert estimate["hours"] == pytest.approx(parts)


@pytest.mark.parametrize(
    ("changed", "said"), [(("--image-size", 50), "--image-size 50 cannot"), (("--weights", "none.pth"), "none.pth")]
)
def test_what_cannot_be_planned_is_said_in_one_line(asgn, changed, said):
    outcome = asgn("plan", *ROW, *OPTIONS, *changed)
    assert outcome.code == 2
    assert said in outcome.err
    assert outcome.err.count("\n") == 1


def test_plan_has_help_with_an_example(asgn):
    assert "Example" in asgn("plan", "--help").out
