"""The true training step of a row on a drawn batch, for the benchmarks of training."""

from collections.abc import Mapping

import torch
from accelerate import Accelerator

from asgn.config import LossConfig, ModelConfig, TrainConfig
from asgn.data.types import Batch
from asgn.models.build import build_generator
from asgn.models.discriminator import Discriminator
from asgn.training.optimizers import discriminator_optimizer, generator_optimizer
from asgn.training.step import AdversarialStep, GridLoss, Step, SupervisedStep
from asgn.variants import Variant

WORDS, VOCABULARY = 10, 12112


def training_step(
    row: str, accelerator: Accelerator, changes: Mapping[str, int] | None = None
) -> tuple[Step, ModelConfig]:
    """The step of a row with random weights and a frozen backbone, at the paper's settings, and what it trains.

    `changes` are fields of ModelConfig that differ from the row's own.
    """
    torch.manual_seed(0)
    variant, settings, losses = Variant.parse(row), TrainConfig(), LossConfig()
    config = ModelConfig.for_variant(variant, VOCABULARY, **(changes or {}))
    network = build_generator(config).to(accelerator.device, memory_format=torch.channels_last)
    segmentation = GridLoss(network, losses)
    generator, optimizer = accelerator.prepare(network, generator_optimizer(network, settings))
    supervised = SupervisedStep(accelerator, generator, optimizer, segmentation)
    if not variant.adversarial:
        return supervised, config
    judge = Discriminator().to(accelerator.device, memory_format=torch.channels_last)
    its_optimizer = discriminator_optimizer(judge, settings)
    judge, its_optimizer = accelerator.prepare(judge, its_optimizer)
    return AdversarialStep(supervised, judge, its_optimizer, losses), config


def drawn_batch(side: int, phrases: int, phrases_per_image: int = 1) -> Batch:
    """Random pixels and words; each image has `phrases_per_image` phrases."""
    images = -(-phrases // phrases_per_image)
    return Batch(
        images=torch.randint(0, 256, (images, 3, side, side), dtype=torch.uint8),
        image_index=torch.arange(phrases) // phrases_per_image,
        tokens=torch.randint(4, VOCABULARY, (phrases, WORDS)),
        lengths=torch.full((phrases,), WORDS),
        masks=torch.rand(phrases, side, side) > 0.7,
    )


def wait_for(device: torch.device) -> None:
    """Let the device finish what was asked of it, so that a clock can be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
