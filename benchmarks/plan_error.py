"""How far `asgn plan` is from what the run then takes: time within 25%, memory within 20%.

    python -m benchmarks.plan_error

Short runs of two rows on drawn scenes of 320 x 320, batch 4, 60 steps, two validations of 8 images and two checkpoints.
Each is planned and trained in a process of its own, as two commands would. On a CPU everything runs on one thread
without loading processes, and the clock is the process's own time: others share this machine, and a plan cannot know
what they will do.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import record

ROWS = ("M+LSTM", "M+LSTM+DE+SE+AT")
STEPS, BATCH, SIDE = 60, 4, 320

PROGRAM = """
import json, sys, time
from pathlib import Path
import torch
from accelerate import Accelerator
from asgn.config import TrainConfig
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.experiments.planning.estimate import plan_run
from asgn.experiments.runs.assembly import RunConfig
from asgn.experiments.runs.train import train_run
from asgn.variants import Variant
action, row, folder, steps, batch, side = sys.argv[1:]
accelerator = Accelerator()
if accelerator.device.type == "cpu":
    torch.set_num_threads(1)
    time.perf_counter = time.process_time
plan = RunConfig(
    variant=Variant.parse(row),
    train_data=SyntheticDataset("train", scenes=200, size=int(side)),
    validation_data=SyntheticDataset("val", scenes=8, size=int(side)),
    folder=Path(folder),
    train=TrainConfig(
        steps=int(steps), batch_size=int(batch), phrases_per_image=2, workers=0,
        validate_every=int(steps) // 2, checkpoint_every=int(steps) // 2,
    ),
    weights="random",
    quiet=True,
)
if action == "plan":
    (plan.folder / "plan.json").write_text(json.dumps(plan_run(plan, accelerator).to_json()))
else:
    train_run(plan, accelerator)
"""


def measure(row: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        for action in ("plan", "train"):
            command = [sys.executable, "-c", PROGRAM, action, row, folder, str(STEPS), str(BATCH), str(SIDE)]
            subprocess.run(command, check=True)
        summary = json.loads((Path(folder) / "summary.json").read_text())
        device = json.loads((Path(folder) / "plan.json").read_text())["device"]
    planned = summary["planned"]
    return {
        "device": device,
        "seconds planned": round(3600 * planned["hours"], 1),
        "seconds taken": round(3600 * summary["hours"], 1),
        "GiB planned": round(planned["peak_gibibytes"], 3),
        "GiB taken": round(summary["peak_gibibytes"], 3),
        "error of time": round(planned["error_of_time"], 3),
        "error of memory": round(planned["error_of_memory"], 3),
        "time within 25%": abs(planned["error_of_time"]) <= 0.25,
        "memory within 20%": abs(planned["error_of_memory"]) <= 0.2,
    }


if __name__ == "__main__":
    record("plan_error", {"steps": STEPS, "batch": BATCH, "rows": {row: measure(row) for row in ROWS}})
