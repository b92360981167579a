"""Batch norm over the whole batch, also where processes hold a part of it each."""

from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm by the batch's own statistics, which are those of all processes' equal shares together.

    In one process it is torch's batch norm in training. `nn.SyncBatchNorm` shares statistics too but refuses tensors on
    the CPU; this one runs on every device, so that what is tested is what is used. Running statistics stay as they are:
    whoever judges by the batch alone has no use for them, and a batch that is not finite leaves nothing behind.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(P, C, h, w) of this process to the same, normalised by mean and variance over all processes."""
        processes = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
        if processes == 1:
            return F.batch_norm(input, None, None, self.weight, self.bias, training=True, eps=self.eps)
        values = input.to(torch.promote_types(input.dtype, torch.float32))
        count = values.numel() // values.shape[1] * processes
        mean = _sum_over_processes(values.sum(dim=(0, 2, 3))) / count
        centred = values - mean[:, None, None]
        variance = _sum_over_processes(centred.square().sum(dim=(0, 2, 3))) / count
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalised: Tensor = centred * scale[:, None, None] + self.bias[:, None, None]
        return normalised.to(input.dtype)


class _SumOverProcesses(torch.autograd.Function):
    """Every process's loss depends on the sum, so the gradient is summed too."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        del context
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        del context
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def _sum_over_processes(values: Tensor) -> Tensor:
    total: Tensor = _SumOverProcesses.apply(values)
    return total
