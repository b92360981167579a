"""Adam for both networks, and the learning-rate schedule."""

import torch
from torch.optim import Adam, Optimizer

from asgn.config import TrainConfig
from asgn.models.discriminator import Discriminator
from asgn.models.generator import Generator

FINAL_RATE = 1e-5
POWER = 0.9


def generator_optimizer(generator: Generator, config: TrainConfig) -> Adam:
    """Adam over what trains in the generator; a fine-tuned backbone has its own rate."""
    backbone = [weight for weight in generator.backbone_weights() if weight.requires_grad]
    known = {id(weight) for weight in generator.backbone_weights()}
    head = [weight for weight in generator.parameters() if weight.requires_grad and id(weight) not in known]
    groups = [{"params": head, "lr": config.learning_rate}]
    if backbone:
        groups.append({"params": backbone, "lr": config.backbone_learning_rate})
    return adam(groups, config)


def discriminator_optimizer(discriminator: Discriminator, config: TrainConfig) -> Adam:
    """Adam over the discriminator."""
    rate = config.discriminator_learning_rate or config.learning_rate
    return adam([{"params": list(discriminator.parameters()), "lr": rate}], config)


def adam(groups: list[dict[str, object]], config: TrainConfig) -> Adam:
    """Adam, whose groups remember the rates that they began with."""
    optimizer = Adam(groups, betas=(config.beta1, config.beta2), fused=True)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return optimizer


def set_learning_rate(optimizer: Optimizer, step: int, config: TrainConfig) -> None:
    """The rate of `step`, a function of the step alone: fixed, or polynomial from each group's own rate."""
    if config.schedule == "fixed":
        return
    remaining = (1 - step / config.steps) ** POWER
    for group in optimizer.param_groups:
        group["lr"] = FINAL_RATE + (group.get("initial_lr", group["lr"]) - FINAL_RATE) * remaining


def optimizer_tensors(optimizer: Optimizer) -> dict[str, torch.Tensor]:
    """The optimiser's moments and step counts by parameter number."""
    return {
        f"{number}.{name}": value
        for number, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
        if value is not None  # momentum of a weight that has had no gradient yet
    }


def load_optimizer_tensors(optimizer: Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Restore what `optimizer_tensors` gave; the rates stay those of the configuration.

    Each moment takes its parameter's memory layout, since the fused Adam walks both as flat memory.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    states: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".")
        parameter = parameters[int(number)]
        laid_out = torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value
        states.setdefault(int(number), {})[name] = laid_out
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
