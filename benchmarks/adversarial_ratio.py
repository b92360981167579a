"""What adversarial training adds to a step of R+LSTM+DE+SE: 320 x 320, frozen backbone, float32, random weights.

    python -m benchmarks.adversarial_ratio

Steps with and without AT take turns in one process; medians are compared. Without a GPU two threads are used: on
one, PyTorch computes the generator's 1x1 convolutions by a slower path, which would flatter the ratio. Batches:
one phrase (the paper's), and eight over two images, whose features are computed once for four phrases each. Beside each
ratio stands the ratio of operations, which no implementation of the same arithmetic can beat by much: D passes three
masks forward and takes eight times a pass's operations in all (two backward for weights and inputs, one for inputs).
Expected: at most 1.25 at the paper's batch; the paper's own was 39.21 h against 19.46 h, 2.01.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait do not count as processor time

import torch
from accelerate import Accelerator
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measure import record
from benchmarks.steps import drawn_batch, training_step, wait_for

ROW, ROUNDS = "R+LSTM+DE+SE", 7
BATCHES = {"1 phrase": (1, 1), "8 phrases, 4 an image": (8, 4)}


def main() -> None:
    accelerator = Accelerator()
    if accelerator.device.type == "cpu":
        torch.set_num_threads(2)
    plain, config = training_step(ROW, accelerator)
    adversarial, _ = training_step(f"{ROW}+AT", accelerator)
    results = {}
    for name, (phrases, phrases_per_image) in BATCHES.items():
        batch = drawn_batch(config.image_size, phrases, phrases_per_image).to(accelerator.device)
        steps = {"without AT": lambda: plain(batch), "with AT": lambda: adversarial(batch)}  # noqa: B023
        results[name] = compare(steps, accelerator.device)
    record("adversarial_ratio", {"row": ROW, "device": str(accelerator.device), "batches": results})


def compare(steps: Mapping[str, Callable[[], object]], device: torch.device) -> dict[str, float]:
    wall: dict[str, list[float]] = {name: [] for name in steps}
    processor: dict[str, list[float]] = {name: [] for name in steps}
    operations = {name: count_operations(step) for name, step in steps.items()}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            wait_for(device)
            started = time.perf_counter(), time.process_time()
            step()
            wait_for(device)
            wall[name].append(time.perf_counter() - started[0])
            processor[name].append(time.process_time() - started[1])
    before, behind = steps
    result = {f"seconds {name}": round(statistics.median(wall[name]), 3) for name in steps}
    result |= {f"GFLOP {name}": round(operations[name] / 1e9, 1) for name in steps}
    result["ratio"] = round(statistics.median(wall[behind]) / statistics.median(wall[before]), 3)
    if device.type == "cpu":
        used = {name: statistics.median(processor[name]) for name in steps}
        result["ratio of processor time"] = round(used[behind] / used[before], 3)
    result["ratio of operations"] = round(operations[behind] / operations[before], 3)
    return result


def count_operations(step: Callable[[], object]) -> int:
    """Of one step, a multiplication and an addition counting as two; it warms the step up too."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


if __name__ == "__main__":
    main()
