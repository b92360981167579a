"""What processes that train together agree on, beside the gradients that DistributedDataParallel averages.

Each function does nothing, and waits for nothing, where there is one process.
"""

import warnings
from collections.abc import Iterable
from functools import cache
from typing import cast

import torch
from torch import distributed as dist
from torch import nn

from asgn.errors import UserError


def share_of_batch(batch_size: int, processes: int) -> int:
    """The expressions of a step that one process takes.

    Raises:
        UserError: the processes would take unequal parts.
    """
    if batch_size % processes:
        nearest = batch_size + processes - batch_size % processes
        raise UserError(
            f"--batch-size {batch_size} is over all processes and does not divide by {processes}: "
            f"give a multiple of {processes}, such as {nearest}"
        )
    return batch_size // processes


def accept_either_layout() -> None:
    """Keep DistributedDataParallel quiet about weights of 1x1 convolutions, whose one layout has two descriptions."""
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")


def average_gradients(weights: Iterable[nn.Parameter]) -> None:
    """Average gradients over processes, for a network that was not called as a whole."""
    if not _are_several():
        return
    for weight in weights:
        if weight.grad is not None:
            dist.all_reduce(weight.grad)
            weight.grad /= dist.get_world_size()


def average_over_processes(value: torch.Tensor) -> torch.Tensor:
    """The mean of a number over processes, on the device, so that all decide alike by it."""
    if not _are_several():
        return value
    total = value.clone()
    dist.all_reduce(total)
    return total / dist.get_world_size()


def in_any_process(here: bool) -> bool:
    """Whether it is so in any process; all get the same answer. The accelerator is not waited for."""
    if not _are_several():
        return here
    anywhere = torch.tensor([int(here)])
    dist.all_reduce(anywhere, dist.ReduceOp.MAX, group=_group_on_cpu())
    return bool(anywhere)


def number_of_processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def _are_several() -> bool:
    return number_of_processes() > 1


@cache
def _group_on_cpu() -> dist.ProcessGroup:
    return cast(dist.ProcessGroup, dist.new_group(backend="gloo"))
