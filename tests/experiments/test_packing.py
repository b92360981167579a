"""Training from packed files: the same run as from the photographs, packed by one process for all."""

import dataclasses
import os
import socket
import subprocess
import sys
import textwrap

import pytest

from asgn.checkpoint import load_model
from asgn.data.checks.image_origin import ImageLists
from asgn.data.datasets import open_dataset
from asgn.experiments.runs.train import train_run
from asgn.training.recorder import read_metrics
from tests.data import miniatures


@pytest.fixture
def runs(plan_of, tmp_path):
    """Two plans of one training on photographs that are not square; the second is packed."""
    miniatures.write_refer(tmp_path / "data")
    train, val = (open_dataset("unc", tmp_path / "data", split) for split in ("train", "val"))
    changes = {"train_data": train, "validation_data": val, "image_lists": ImageLists((tmp_path / "data",))}

    def make(folder, packed=False, **settings):
        plan = plan_of(folder, flip=True, **settings)
        return dataclasses.replace(plan, packed=tmp_path / "packs" if packed else None, **changes)

    return make


def trained(plan):
    model = load_model(plan.folder / "last.safetensors")
    return {name: value.clone() for name, value in model.generator.state_dict().items()}, model.provenance


def assert_same_run(one, other):
    (weights, provenance), (others, its) = trained(one), trained(other)
    assert weights.keys() == others.keys()
    assert all((weights[name] == others[name]).all() for name in weights)
    assert provenance["data"] == its["data"]
    assert provenance["leaks"] == its["leaks"]
    assert last_scores(one) == last_scores(other)


def last_scores(plan):
    (found,) = [line for line in read_metrics(plan.folder / "metrics.jsonl") if line["kind"] == "validation"][-1:]
    return found


def test_weights_and_scores_are_those_of_the_photographs(runs, accelerator, tmp_path):
    plain, packed = runs("plain", steps=4), runs("packed", packed=True, steps=4)
    for plan in (plain, runs("packed", packed=True, steps=2), dataclasses.replace(packed, resume=True)):
        assert train_run(plan, accelerator)
    assert_same_run(plain, packed)
    assert [path.name for path in (tmp_path / "packs").iterdir()] == ["unc-train-64.pack"]


def test_packed_once_and_read_from_there(runs, accelerator, tmp_path, monkeypatch):
    train_run(runs("first", packed=True, steps=1), accelerator)
    again = runs("second", packed=True, steps=1)
    monkeypatch.setattr(again.train_data, "image", lambda image_id: pytest.fail("decoded"))
    assert train_run(again, accelerator)


SCRIPT = """
    import os, time
    from pathlib import Path
    from accelerate import Accelerator
    from asgn.data.datasets import open_dataset
    from asgn.experiments.runs.packing import packed_split
    root = Path({root!r})
    source = open_dataset("unc", root, "train")
    read = source.image
    def image(image_id):
        (root / f"read-by-{{os.environ['RANK']}}").touch()
        time.sleep(0.2)
        return read(image_id)
    source.image = image
    packed = packed_split(source, root / "packs", 32, Accelerator(cpu=True), True)
    assert packed.mask(packed.expressions[0]).any()
    assert packed.image(packed.expressions[0].image_id).any()
    """


def test_one_of_several_processes_packs(tmp_path):
    miniatures.write_refer(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    script = textwrap.dedent(SCRIPT.format(root=str(tmp_path)))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env={**os.environ, **place, "RANK": rank, "LOCAL_RANK": rank, "ACCELERATE_USE_CPU": "true"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    assert [path.name for path in tmp_path.glob("read-by-*")] == ["read-by-0"]
    assert [path.name for path in (tmp_path / "packs").iterdir()] == ["unc-train-32.pack"]
