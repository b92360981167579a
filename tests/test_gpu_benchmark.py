"""The benchmark of a GPU, rehearsed at toy size: every part runs, and its file holds what was found."""

import json

from asgn.data.synthetic.dataset import SyntheticDataset
from benchmarks import gpu, paired


def test_the_rehearsal_walks_through_every_part(tmp_path, monkeypatch, capsys):
    written = []
    original = gpu.atomic_write_json
    monkeypatch.setattr(gpu, "atomic_write_json", lambda path, value: (original(path, value), written.append(path)))
    gpu.main(["--rehearse", "--out", str(tmp_path / "gpu.json")])
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert set(gpu.ROWS) < set(found["throughput"])
    assert all(found["throughput"][row]["images/s"] > 0 for row in gpu.ROWS)
    assert found["price of AT"]["R+LSTM+DE+SE"]["ratio"] > 0
    assert found["price of AT"]["R+LSTM+DE+SE"]["ratio of operations"] > 1
    arms = found["paired"]["seed 0"]
    assert list(arms) == ["cross entropy alone", "no AT", "AT", "held back"]
    assert "D's loss" in arms["AT"]
    assert "D's loss" not in arms["no AT"]
    assert found["gain"]["over no AT"]["AT"]["oIoU"]["each"] == [round(arms["AT"]["oIoU"] - arms["no AT"]["oIoU"], 3)]
    assert len(written) == len(capsys.readouterr().out.splitlines()), "the file is whole after every step"


def test_a_paired_search_goes_on_where_it_was_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(paired, "SWITCHES", {"AT": {}, "held back": paired.SWITCHES["held back"]})
    options = "--seeds 1 --base-steps 2 --steps 1 --batch-size 2 --image-size 64 --workers 0 --finetune --cpu --model"
    call = [str(tmp_path), *options.split(), json.dumps(gpu.TOY.model)]
    small = {"train": 4, "val": 1}
    monkeypatch.setattr(
        paired, "open_dataset",
        lambda name, root, split, seed: SyntheticDataset(split, scenes=small[split], size=64),
    )  # fmt: skip
    trained = []
    original = paired.train_run
    monkeypatch.setattr(paired, "train_run", lambda *given: (trained.append(given[0].folder.name), original(*given)))
    paired.main(call)
    found = json.loads((tmp_path / "paired.json").read_text())
    assert len(trained) == 4
    assert set(found["gains"]) == {"AT", "held back"}
    seeds = {json.loads((folder / "run.json").read_text())["train"]["seed"] for folder in tmp_path.glob("*, *, *")}
    assert seeds == {1000}, "all arms see the same batches"
    paired.main(call)
    assert len(trained) == 4
    assert json.loads((tmp_path / "paired.json").read_text()) == found
