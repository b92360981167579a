"""What the processes of the distributed tests do."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import torch
import torchvision
from accelerate import Accelerator
from torch import nn
from torchvision.models.resnet import Bottleneck, ResNet

from asgn.checkpoint import load_model
from asgn.config import LossConfig, TrainConfig
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.experiments.runs.assembly import RunConfig
from asgn.experiments.runs.scoring import evaluate as score
from asgn.experiments.runs.train import train_run
from asgn.inference.segmenter import Segmenter
from asgn.models.shared_norm import SharedBatchNorm
from asgn.training import loop
from asgn.training.distributed import average_gradients, in_any_process
from asgn.variants import Variant
from tests.conftest import TINY


def compute_in_double() -> None:
    """Make rounding so small that Adam, which divides by a gradient's own size, cannot turn it into steps.

    The biases before batch norm, for one, have no gradient but for rounding.
    """
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double


def shallow_resnet(**settings: Any) -> ResNet:
    """Four narrow blocks; MobileNet's convolutions by channel are slow in double precision."""
    return ResNet(Bottleneck, [1, 1, 1, 1], width_per_group=8, **settings)


HELD_BACK = LossConfig(
    feature_matching=1.0,
    real_label=0.9,
    discriminator_floor=0.692,
    discriminator_norm="spectral",
    discriminator_output="cell",
    discriminator_input="product",
)


def train(folder: Path, resume: bool = False, losses: LossConfig | None = None, **settings: Any) -> None:
    """A tiny run of 20 adversarial steps on batches of 8."""
    compute_in_double()
    torchvision.models.resnet101 = shallow_resnet
    defaults = {"steps": 20, "batch_size": 8, "workers": 0, "validation_limit": 3}
    plan = RunConfig(
        variant=Variant.parse("R+LSTM+DE+SE+AT"),
        train_data=SyntheticDataset("train", scenes=6, size=64),
        validation_data=SyntheticDataset("val", scenes=3, size=64),
        folder=folder,
        train=TrainConfig(**(defaults | settings)),
        losses=losses or LossConfig(),
        model_changes=TINY,
        weights="random",
        resume=resume,
        quiet=True,
    )
    raise SystemExit(0 if train_run(plan, Accelerator(cpu=True)) else 130)


def evaluate(model: Path, scores: Path) -> None:
    """Score a model on seven images; every process writes what it found."""
    accelerator = Accelerator(cpu=True)
    data = SyntheticDataset("val", scenes=7, size=64)
    result = score(Segmenter(load_model(model), accelerator.device), data, control_seed=0)
    found = {
        "scores": result.scores.to_json(),
        "control": result.control.to_json() if result.control else None,
        "summary": result.scores.summary(),
        "asked": result.phrases_asked,
        "images": result.images,
    }
    (scores / f"{accelerator.process_index}.json").write_text(json.dumps(found))


def train_until_one_is_told_to_stop(folder: Path) -> None:
    """The second process alone gets the signal, during the third step."""
    add = loop.Recorder.add

    def add_and_stop(self: loop.Recorder, *report: Any) -> None:
        add(self, *report)
        if os.environ["RANK"] == "1" and self._count == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    loop.Recorder.add = add_and_stop
    train(folder)


def compare_batch_norms() -> None:
    """Half of a batch through the discriminator's batch norm, against torch's own over the whole of it."""
    accelerator = Accelerator(cpu=True)
    torch.manual_seed(0)
    values, weights = torch.randn(8, 3, 4, 4, dtype=torch.float64).requires_grad_(), torch.randn(8, 3, 4, 4)
    whole, shared = nn.BatchNorm2d(3).double(), SharedBatchNorm(3).double()
    half = slice(4 * accelerator.process_index, 4 * accelerator.process_index + 4)
    expected, found = whole(values), shared(values[half])
    torch.testing.assert_close(found, expected[half])
    (expected_slope,) = torch.autograd.grad((expected.sin() * weights).sum(), values)
    (slope,) = torch.autograd.grad((found.sin() * weights[half]).sum(), values)
    torch.testing.assert_close(slope[half], expected_slope[half])


def agree() -> None:
    """Gradients become the mean of both processes', and what one says all hear."""
    process = Accelerator(cpu=True).process_index
    weight, unused = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))
    weight.grad = torch.tensor([1.0, 2.0]) + process
    average_gradients([weight, unused])
    assert weight.grad.tolist() == [1.5, 2.5]
    assert unused.grad is None
    assert in_any_process(process == 1)
    assert not in_any_process(False)


def train_in_parts(folder: Path) -> None:
    """The same run with five phrases, then three at once."""
    train(folder, micro_batch=5)


def train_held_back(folder: Path, micro_batch: int = 0) -> None:
    """The same run with every switch that holds the discriminator back and draws no random number."""
    rates = {"discriminator_learning_rate": 1e-4, "average_decay": 0.9}
    train(folder, losses=HELD_BACK, micro_batch=micro_batch, **rates)
