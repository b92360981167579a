"""The command under a launcher, as the README tells readers to start several processes."""

import json
import subprocess
import sys

from asgn.checkpoint import load_model

LAUNCH = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "asgn")


def test_two_processes_train_one_run(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    command = (
        *LAUNCH, "train", "M+LSTM+AT", "--data", "synthetic", "--weights", "random", "--image-size", "64",
        "--steps", "2", "--batch-size", "4", "--validation-limit", "3", "--workers", "0", "--cpu", "--out", tmp_path,
    )  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("trained M+LSTM+AT") == 1
    assert load_model(tmp_path / "best.safetensors").config.variant == "M+LSTM+AT"
    steps = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in steps if line["kind"] == "validation"] == [2]
