"""The benchmark of a GPU, rehearsed at toy size: every part runs, and its file holds what was found."""

import json

from benchmarks import gpu


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
    arms = {name.removeprefix("seed 0, ") for name in found["paired"]}
    assert arms == {"cross entropy alone", *gpu.ARMS}
    assert "D's loss" in found["paired"]["seed 0, AT"]
    assert "D's loss" not in found["paired"]["seed 0, no AT"]
    assert found["gain"]["AT, oIoU"]["seeds"] == [
        round(found["paired"]["seed 0, AT"]["oIoU"] - found["paired"]["seed 0, no AT"]["oIoU"], 3)
    ]
    assert len(written) == len(capsys.readouterr().out.splitlines()), "the file is whole after every step"
