"""A run that begins from a trained model has its weights, its words, and its leaks."""

import dataclasses

import pytest
import torch

from asgn.checkpoint import load_model, read_tensors, save_model
from asgn.data.checks.leaks import LeakStamp, SplitAudit
from asgn.data.files.word_vectors import WordVectors
from asgn.data.vocabulary import SPECIAL, Vocabulary
from asgn.errors import CheckpointError
from asgn.experiments.runs.assembly import build_state
from asgn.experiments.runs.leaks import with_start
from asgn.experiments.runs.train import train_run
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


def vectors_of(*words):
    drawn = torch.randn(len(words), 6, generator=torch.Generator().manual_seed(1))
    return WordVectors(words, drawn / drawn.norm(dim=1, keepdim=True), "table.txt", "abc")


def embedded(model, *words):
    ids = torch.tensor([[model.vocabulary.encode(word).ids[0] for word in words]])
    with torch.no_grad():
        return model.generator.language.embedding(ids)[0]


def test_words_of_a_table_follow_those_of_the_phrases(plan_of):
    plan = dataclasses.replace(plan_of(steps=1), word_vectors=vectors_of("star", "rocket", "zebra"))
    model = build_state(plan).model
    assert model.vocabulary.words[-2:] == ("rocket", "zebra")
    assert model.vocabulary.trained == len(model.vocabulary) - 2 == model.config.trained_words
    assert model.vocabulary.was_trained("star")
    assert model.provenance["word_vectors"] == {"source": "table.txt", "sha256": "abc"}
    embedding = model.generator.language.embedding
    seen = embedding.vectors(torch.tensor([model.vocabulary.encode("zebra").ids[0]]))[0]
    torch.testing.assert_close(seen, plan.word_vectors.vectors[2], rtol=0, atol=0.005)


def test_a_model_that_knows_vectors_hands_them_on(plan_of, tmp_path):
    known, vectors = Vocabulary([*SPECIAL, "circle"]), vectors_of("circle", "star", "zebra")
    first = dataclasses.replace(plan_of(steps=1), vocabulary=known, word_vectors=vectors)
    source = build_state(first).model
    torch.nn.init.normal_(source.generator.language.embedding.own.weight)
    save_model(tmp_path / "source.safetensors", source)
    torch.manual_seed(9)
    begun = build_state(dataclasses.replace(plan_of(steps=1), start_from=tmp_path / "source.safetensors")).model
    assert begun.vocabulary.was_trained("star")
    assert not begun.vocabulary.was_trained("zebra")
    words = ("circle", "star", "zebra", "<pad>")
    assert torch.equal(embedded(begun, *words), embedded(source, *words))


def test_a_model_without_vectors_gets_them(plan_of, trained):
    torch.manual_seed(7)
    plan = dataclasses.replace(plan_of(steps=1), start_from=trained, word_vectors=vectors_of("zebra", "rocket"))
    begun, source = build_state(plan).model, load_model(trained)
    own = begun.generator.language.embedding.own.weight
    assert torch.equal(own[:6], source.generator.language.embedding.weight)
    assert begun.vocabulary.words[-1] == "rocket"
    assert embedded(begun, "rocket").any()


def test_a_resumed_run_with_vectors_equals_the_undisturbed_one(plan_of, accelerator):
    """Which words stand for their vector alone is decided by the step, not by what was drawn before."""

    def run(folder, **changes):
        plan = dataclasses.replace(plan_of(folder, "M+LSTM", **changes), word_vectors=vectors_of("circle", "zebra"))
        assert train_run(plan, accelerator)
        return read_tensors(plan.folder / "last.safetensors")[0]

    whole, _, parts = run("whole"), run("parts", steps=3), run("parts", resume=True)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert whole["generator.language.embedding.table"].dtype == torch.int8


def test_another_table_is_another_run(plan_of, accelerator):
    plan = dataclasses.replace(plan_of("run", "M+LSTM", steps=1), word_vectors=vectors_of("circle", "zebra"))
    train_run(plan, accelerator)
    other = dataclasses.replace(plan, word_vectors=dataclasses.replace(plan.word_vectors, sha256="x"), resume=True)
    with pytest.raises(CheckpointError, match="word_vectors"):
        train_run(other, accelerator)


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
