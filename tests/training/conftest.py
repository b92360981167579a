"""A batch of four phrases, and the adversarial step of a tiny model."""

import pytest
import torch

from asgn.config import LossConfig, TrainConfig
from asgn.data.loading.batches import BatchStream
from asgn.models.discriminator import Discriminator
from asgn.training.optimizers import discriminator_optimizer, generator_optimizer
from asgn.training.step import AdversarialStep, GridLoss, SupervisedStep

STEP_CONFIG = TrainConfig(finetune=True, batch_size=4)


@pytest.fixture
def batch(scenes, tiny_model):
    stream = BatchStream(scenes, tiny_model.vocabulary, side=64, batch_size=4, steps=1, seed=0)
    return stream[0]


@pytest.fixture
def adversarial(accelerator, tiny_model):
    torch.manual_seed(0)
    generator, discriminator = tiny_model.generator, Discriminator(widths=(4, 4, 4, 4, 4))
    generator.freeze_backbone(False)

    def make(losses: LossConfig | None = None) -> AdversarialStep:
        chosen = losses or LossConfig()
        optimizer = generator_optimizer(generator, STEP_CONFIG)
        supervised = SupervisedStep(accelerator, generator, optimizer, GridLoss(generator, chosen))
        return AdversarialStep(supervised, discriminator, discriminator_optimizer(discriminator, STEP_CONFIG), chosen)

    return make
