"""Peak memory of training R+LSTM+DE+SE+AT: 320 x 320, one expression a step, frozen backbone, float32.

    python -m benchmarks.training_memory

The process's highest resident size, Python and PyTorch included, after three steps of both networks. Expected:
under 3 GiB.
"""

import resource
import sys

import torch
from accelerate import Accelerator

from asgn.config import LossConfig, ModelConfig, TrainConfig
from asgn.data.sample import Batch
from asgn.models.build import build_generator
from asgn.models.discriminator import Discriminator
from asgn.training.optimizers import discriminator_optimizer, generator_optimizer
from asgn.training.step import AdversarialStep
from asgn.variants import Variant
from benchmarks.measure import record

ROW, STEPS = "R+LSTM+DE+SE+AT", 3


def main() -> None:
    before = peak_megabytes()
    config = ModelConfig.for_variant(Variant.parse(ROW), 12112)
    generator = build_generator(config).to(memory_format=torch.channels_last)
    discriminator = Discriminator().to(memory_format=torch.channels_last)
    settings = TrainConfig()
    step = AdversarialStep(
        Accelerator(cpu=True),
        generator.train(),
        generator_optimizer(generator, settings),
        discriminator,
        discriminator_optimizer(discriminator, settings),
        LossConfig(),
    )
    for _ in range(STEPS):
        step(a_batch(config.image_size))
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


def a_batch(side: int) -> Batch:
    return Batch(
        images=torch.randint(0, 256, (1, 3, side, side), dtype=torch.uint8),
        image_index=torch.tensor([0]),
        tokens=torch.randint(4, 12112, (1, 20)),
        lengths=torch.tensor([20]),
        masks=torch.rand(1, side, side) > 0.7,
    )


def peak_megabytes() -> float:
    """The highest resident size so far, in MiB; macOS counts bytes, Linux KiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
