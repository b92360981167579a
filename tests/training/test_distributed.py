"""Several processes do what one does, and only the first of them writes."""

import json
import os

import pytest
import torch

from asgn.checkpoint import read_tensors, save_model
from asgn.errors import UserError
from asgn.training.distributed import in_any_process, share_of_batch
from tests.training import distributed_run
from tests.training.several import in_processes

TOLERANCE = 1e-8


def distance(one, other) -> dict[str, float]:
    """The norm of the difference of two tensors, relative to the norm of the first."""
    pairs = ((name, tensor.double(), other[name].double()) for name, tensor in one.items())
    return {name: float((a - b).norm() / a.norm().clamp(min=1e-12)) for name, a, b in pairs}


def networks(folder) -> dict[str, torch.Tensor]:
    tensors, _ = read_tensors(folder / "last.safetensors")
    prefixes = ("generator.", "discriminator.", "average.")
    return {name: tensor for name, tensor in tensors.items() if name.startswith(prefixes)}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    assert in_processes(1, distributed_run.train, folder) == [0]
    return folder


def test_two_processes_train_as_one_does(alone, tmp_path):
    assert in_processes(2, distributed_run.train, tmp_path) == [0, 0]
    distances = distance(networks(alone), networks(tmp_path))
    assert max(distances.values()) < TOLERANCE, sorted(distances.items(), key=lambda item: -item[1])[:3]
    assert sorted(os.listdir(tmp_path)) == sorted(os.listdir(alone))
    assert len(os.listdir(tmp_path / "tensorboard")) == 1
    scores = [json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1]) for folder in (alone, tmp_path)]
    assert scores[0].keys() == scores[1].keys()


def test_the_batch_in_parts_trains_as_the_whole(alone, tmp_path):
    assert in_processes(1, distributed_run.train_in_parts, tmp_path) == [0]
    distances = distance(networks(alone), networks(tmp_path))
    assert max(distances.values()) < TOLERANCE, sorted(distances.items(), key=lambda item: -item[1])[:3]


def test_a_held_back_discriminator_trains_so_too(tmp_path):
    for name, count, micro_batch in (("alone", 1, 0), ("parts", 1, 5), ("two", 2, 0)):
        (tmp_path / name).mkdir()
        assert in_processes(count, distributed_run.train_held_back, tmp_path / name, micro_batch) == [0] * count
    held = [read_tensors(tmp_path / name / "last.safetensors")[0] for name in ("alone", "parts", "two")]
    steps = [tensor for name, tensor in held[0].items() if "discriminator_optimizer" in name and name.endswith("step")]
    assert all(0 < int(step) < 20 for step in steps), "some of its steps are taken, some left out"
    for other in ("parts", "two"):
        distances = distance(networks(tmp_path / "alone"), networks(tmp_path / other))
        assert max(distances.values()) < TOLERANCE, sorted(distances.items(), key=lambda item: -item[1])[:3]


def test_a_signal_to_one_process_stops_all_and_two_resume(alone, tmp_path):
    assert in_processes(2, distributed_run.train_until_one_is_told_to_stop, tmp_path) == [130, 130]
    assert read_tensors(tmp_path / "last.safetensors")[1]["training"]["step"] == 3
    assert in_processes(2, distributed_run.train, tmp_path, True) == [0, 0]
    distances = distance(networks(alone), networks(tmp_path))
    assert max(distances.values()) < TOLERANCE


def test_batch_norm_has_the_statistics_of_the_whole_batch():
    assert in_processes(2, distributed_run.compare_batch_norms) == [0, 0]


def test_processes_agree_on_gradients_and_on_stopping():
    assert in_processes(2, distributed_run.agree) == [0, 0]
    assert in_any_process(True)
    assert not in_any_process(False)


def test_scores_do_not_depend_on_the_number_of_processes(tiny_model, tmp_path):
    """Seven images over two and three processes: no share is equal, none is padded."""
    save_model(tmp_path / "model.safetensors", tiny_model)
    found = {}
    for count in (1, 2, 3):
        folder = tmp_path / str(count)
        folder.mkdir()
        assert in_processes(count, distributed_run.evaluate, tmp_path / "model.safetensors", folder) == [0] * count
        found[count] = [(folder / f"{process}.json").read_text() for process in range(count)]
    assert {text for texts in found.values() for text in texts} == {found[1][0]}
    assert json.loads(found[1][0])["images"] == 7


def test_a_batch_that_does_not_divide_is_refused():
    assert share_of_batch(8, 2) == 4
    with pytest.raises(UserError, match="multiple of 3, such as 9"):
        share_of_batch(8, 3)
