"""Training steps a second, and how near they come to what the device's matrix products allow.

    python -m benchmarks.train_throughput [--batch N] [--rounds N]

Any device: a GPU in bfloat16 with batches of 64, a CPU in float32 with batches of 2. Random weights, a frozen backbone,
one phrase of ten words an image, 320 x 320. The ceiling is the rate of one large matrix product in the same precision;
what it would allow a second stands beside each row. On a CPU the clock is the processor time of two threads, halved, as
other programs share it. Asked of one H200-class GPU: 800 images/s of R+LSTM+DE+SE+AT and 400 of D+RMI+DE+SE+AT.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait do not count as processor time

import torch
from accelerate import Accelerator

from benchmarks.adversarial_ratio import count_operations
from benchmarks.measure import record
from benchmarks.steps import drawn_batch, training_step, wait_for

ROWS = ("R+LSTM", "R+LSTM+DE+SE+AT", "D+RMI+DE+SE+AT")


def main() -> None:
    on_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64 if on_gpu else 2, help="phrases of a step")
    parser.add_argument("--rounds", type=int, default=30 if on_gpu else 3, help="steps measured")
    given = parser.parse_args()
    if not on_gpu:
        torch.set_num_threads(2)
    accelerator = Accelerator(mixed_precision="bf16" if on_gpu else "no")
    ceiling = matrix_rate(accelerator.device, 8192 if on_gpu else 2048)
    rows = {row: measure(row, accelerator, given.batch, given.rounds, ceiling) for row in ROWS}
    described: dict[str, Any] = {"device": str(accelerator.device), "precision": accelerator.mixed_precision}
    if on_gpu:
        described |= {
            "GPU": torch.cuda.get_device_name(),
            "CUDA": torch.version.cuda,
            "cuDNN": torch.backends.cudnn.version(),
        }
    described |= {"batch": given.batch, "matrix product TFLOP/s": round(ceiling / 1e12, 4)}
    record("train_throughput", described | {"rows": rows})


def measure(
    row: str,
    accelerator: Accelerator,
    size: int,
    rounds: int,
    ceiling: float,
    changes: Mapping[str, int] | None = None,
) -> dict[str, float]:
    step, config = training_step(row, accelerator, changes)
    batch = drawn_batch(config.image_size, size).to(accelerator.device)
    operations = count_operations(lambda: step(batch))
    seconds = statistics.median(seconds_of(lambda: step(batch), accelerator.device, rounds))
    rate = operations / seconds
    return {
        "images/s": round(size / seconds, 3),
        "seconds a step": round(seconds, 4),
        "GFLOP an image": round(operations / size / 1e9, 1),
        "TFLOP/s": round(rate / 1e12, 4),
        "share of the ceiling": round(rate / ceiling, 3),
        "images/s at the ceiling": round(size * ceiling / operations, 2),
    }


def matrix_rate(device: torch.device, side: int) -> float:
    """Operations a second of a square matrix product at its quickest: bfloat16 on a GPU, float32 on a CPU."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / min(seconds_of(lambda: left @ right, device, 20))


def seconds_of(run: Callable[[], object], device: torch.device, rounds: int) -> list[float]:
    """Of each of `rounds` runs after two others."""
    clock = time.perf_counter if device.type == "cuda" else lambda: time.process_time() / torch.get_num_threads()
    seconds = []
    for _ in range(rounds + 2):
        wait_for(device)
        started = clock()
        run()
        wait_for(device)
        seconds.append(clock() - started)
    return seconds[2:]


if __name__ == "__main__":
    main()
