"""The audit travels with the checkpoint into every score, and stops training that nobody has allowed."""

import dataclasses

import pytest

from asgn.checkpoint import load_model
from asgn.data.checks.leaks import LeakStamp, SplitAudit
from asgn.errors import UserError
from asgn.experiments.runs import leaks
from asgn.experiments.runs import train as run
from asgn.experiments.runs.scoring import evaluate
from asgn.inference.segmenter import Segmenter


@pytest.fixture
def leaky(monkeypatch):
    stamp = LeakStamp("own", "train", {"unc/val": SplitAudit("leaky", (9, 25), "2 images of it are trained on")})
    monkeypatch.setattr(leaks, "audit", lambda *_, **__: stamp)
    return stamp


def test_a_leak_needs_permission(plan_of, accelerator, leaky):
    plan = plan_of(steps=1)
    with pytest.raises(UserError, match="--allow-leak"):
        run.train_run(plan, accelerator)
    assert not (plan.folder / "last.safetensors").exists()


def test_an_allowed_leak_is_said_by_every_score(plan_of, accelerator, leaky, monkeypatch):
    plan = dataclasses.replace(plan_of(steps=1), allow_leak=True)
    assert run.train_run(plan, accelerator)
    model = load_model(plan.folder)
    data = plan.validation_data
    scores = evaluate(Segmenter(model), data)
    assert scores.to_json()["leak_stamp"] == "clean: drawn anew"
    monkeypatch.setattr(type(data), "name", "unc")
    monkeypatch.setattr(data, "split", "val", raising=False)
    assert leaks.leak_stamp_of(model, data) == "leaky: 2 images of it are trained on"


def test_a_model_without_an_audit_is_unknown(tiny_model, scenes, monkeypatch):
    monkeypatch.setattr(type(scenes), "name", "unc")
    assert leaks.leak_stamp_of(tiny_model, scenes).startswith("unknown")
