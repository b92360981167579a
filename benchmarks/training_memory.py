"""Peak memory of training R+LSTM+DE+SE+AT: 320 x 320, one expression a step, frozen backbone, float32.

    python -m benchmarks.training_memory

The process's highest resident size, Python and PyTorch included, after three steps of both networks. Expected:
under 3 GiB.
"""

import resource
import sys

from accelerate import Accelerator

from benchmarks.measure import record
from benchmarks.steps import drawn_batch, training_step

ROW, STEPS = "R+LSTM+DE+SE+AT", 3


def main() -> None:
    before = peak_megabytes()
    step, config = training_step(ROW, Accelerator(cpu=True))
    for _ in range(STEPS):
        step(drawn_batch(config.image_size, 1))
    peak = peak_megabytes()
    record(
        "training_memory",
        {
            "row": ROW,
            "peak MiB of the process": round(peak),
            "of these before building the model": round(before),
            "under 3 GiB": peak < 3 * 1024,
        },
    )


def peak_megabytes() -> float:
    """The highest resident size so far, in MiB; macOS counts bytes, Linux KiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
