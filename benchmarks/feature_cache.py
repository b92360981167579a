"""Training with a frozen backbone: samples a second with its features cached, beside computed anew in each step.

    python -m benchmarks.feature_cache

The library's own stream and step, 320 x 320, batches of 4 with one phrase an image, from packed drawn scenes; one
thread, whose processor time is the clock, as other programs share the machine. Asked: M 1.8 times as fast, R 4 times.
"""

import statistics
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from accelerate import Accelerator

from asgn.config import TrainConfig
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.experiments.runs.assembly import RunConfig, build_state, build_step, training_stream
from asgn.variants import Variant
from benchmarks.measure import record

ROWS = ("M+LSTM+DE+SE", "N+LSTM+DE+SE", "MN+LSTM+DE+SE", "R+LSTM+DE+SE")
BATCH, ROUNDS, SCENES = 4, 6, 16


def main() -> None:
    torch.set_num_threads(1)
    rows = {}
    for row in ROWS:
        with TemporaryDirectory() as folder:
            plain, cached = samples_a_second(row, Path(folder))
            size = sum(file.stat().st_size for file in Path(folder, "features").rglob("*.npy"))
        rows[row] = {
            "samples/s": round(plain, 2),
            "samples/s, cached": round(cached, 2),
            "times as fast": round(cached / plain, 2),
            "MB an image": round(size / SCENES / 1e6, 2),
        }
        print(row, rows[row], flush=True)
    record("feature_cache", {"batch": BATCH, "rows": rows})


def samples_a_second(row: str, folder: Path) -> tuple[float, float]:
    """Without the cache, and with it."""
    scenes = SyntheticDataset("train", scenes=SCENES, size=320)
    config = RunConfig(
        variant=Variant.parse(row),
        train_data=scenes,
        validation_data=scenes,
        folder=folder / "run",
        train=TrainConfig(steps=ROUNDS + 2, batch_size=BATCH),
        weights="random",
        packed=folder / "packed",
        quiet=True,
    )
    seconds = [seconds_a_step(each) for each in (config, replace(config, cached_features=folder / "features"))]
    return BATCH / seconds[0], BATCH / seconds[1]


def seconds_a_step(config: RunConfig) -> float:
    torch.manual_seed(0)
    accelerator, state = Accelerator(cpu=True), build_state(config)
    with torch.no_grad():  # random residual branches otherwise grow beyond what half precision holds
        for name, weight in state.model.generator.backbone.named_parameters():
            if name.endswith("bn3.weight"):
                weight.mul_(0.1)
    stream, step = training_stream(config, state, accelerator), build_step(state, config, accelerator)
    seconds = []
    for number in range(ROUNDS + 2):
        started = time.process_time()
        step(stream[number])
        seconds.append(time.process_time() - started)
    return statistics.median(seconds[2:])


if __name__ == "__main__":
    main()
