"""A run that begins from a trained model has its weights, its words, and its leaks."""

import dataclasses

import pytest
import torch

from asgn.checkpoint import load_model, save_model
from asgn.data.checks.leaks import LeakStamp, SplitAudit
from asgn.data.vocabulary import SPECIAL, Vocabulary
from asgn.errors import CheckpointError
from asgn.experiments.runs.assembly import build_state
from asgn.experiments.runs.leaks import with_start
from asgn.experiments.runs.words import extended_vocabulary


@pytest.fixture
def trained(plan_of, tmp_path):
    """A checkpoint that knows two of the scenes' words only."""
    plan = dataclasses.replace(plan_of(steps=1), vocabulary=Vocabulary([*SPECIAL, "circle", "zebra"]))
    model = build_state(plan).model
    model.provenance["leaks"] = LeakStamp("own", "train", {"unc/val": SplitAudit("leaky", (9,))}).to_json()
    save_model(tmp_path / "trained.safetensors", model)
    return tmp_path / "trained.safetensors"


def test_words_follow_those_of_the_model():
    known = Vocabulary([*SPECIAL, "dog", "cat"])
    assert extended_vocabulary(known, ["a cat", "a hat"]).words == (*SPECIAL, "dog", "cat", "a", "hat")
    assert extended_vocabulary(None, ["a cat", "a hat"]).words == (*SPECIAL, "a", "cat", "hat")


def test_weights_are_the_models_and_new_words_are_added(plan_of, trained):
    torch.manual_seed(7)
    begun = build_state(dataclasses.replace(plan_of(steps=1), start_from=trained)).model
    source = load_model(trained)
    assert begun.vocabulary.words[:6] == source.vocabulary.words
    assert len(begun.vocabulary) > 6
    known = source.generator.state_dict()
    for name, tensor in begun.generator.state_dict().items():
        shared = tensor[:6] if name == "language.embedding.weight" else tensor
        assert torch.equal(shared, known[name]), name
    assert begun.provenance["start"]["data"] == source.provenance["data"]


def test_another_architecture_is_refused(plan_of, trained):
    plan = plan_of(steps=1)
    other = dataclasses.replace(plan, start_from=trained, model_changes=plan.model_changes | {"language_size": 24})
    with pytest.raises(CheckpointError, match="does not fit"):
        build_state(other)


def test_words_in_another_order_are_refused(plan_of, trained):
    plan = dataclasses.replace(plan_of(steps=1), start_from=trained, vocabulary=Vocabulary([*SPECIAL, "zebra"]))
    with pytest.raises(CheckpointError, match="leave --vocabulary out"):
        build_state(plan)


def test_the_models_leaks_stay_with_it(trained):
    provenance = {"start": load_model(trained).provenance}
    clean = LeakStamp("own", "train", {"unc/val": SplitAudit("clean"), "unc/testA": SplitAudit("clean")})
    joined = with_start(clean, provenance)
    assert joined.of_split("unc", "val").image_ids == (9,)
    assert joined.of_split("unc", "testA").status == "unknown"
    assert with_start(clean, {}) == clean
