"""The losses of Eq. 2, 3, 5, 6 and 7 and the L2 penalty of the base code."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F


def target_on_grid(masks: Tensor, stride: int) -> Tensor:
    """(P, S, S) bool truth to (P, 1, S / stride, S / stride) float: `mask[::stride, ::stride]` (protocol section 3)."""
    return masks[:, None, ::stride, ::stride].float()


def cross_entropy(logits: Tensor, target: Tensor, reduction: Literal["sum", "mean"]) -> Tensor:
    """Eq. 3 over logits and target (P, 1, h, w), summed or averaged over the grid, averaged over phrases."""
    loss = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="sum")
    cells = logits[0].numel() if reduction == "mean" else 1
    return loss / (len(logits) * cells)


def weight_penalty(weights: Iterable[Tensor]) -> Tensor:
    """Half the sum of squares of all weights (protocol section 3)."""
    return torch.stack([0.5 * weight.float().square().sum() for weight in weights]).sum()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The negated maximand of Eq. 6, halved: D scores true masks 1 and predicted ones 0; both (P,)."""
    real = F.binary_cross_entropy_with_logits(real_logits.float(), torch.ones_like(real_logits, dtype=torch.float32))
    fake = F.binary_cross_entropy_with_logits(fake_logits.float(), torch.zeros_like(fake_logits, dtype=torch.float32))
    return 0.5 * (real + fake)


def adversarial_loss(fake_logits: Tensor, form: Literal["non-saturating", "minimax"]) -> Tensor:
    """The generator's side of Eq. 6, to be minimised, over D's logits (P,).

    `minimax` is log(1 - D) as printed, whose gradient fades where D wins; `non-saturating` is -log D.
    """
    logits = fake_logits.float()
    if form == "minimax":
        return F.logsigmoid(-logits).mean()
    return -F.logsigmoid(logits).mean()


def target_of_cells(masks: Tensor, stride: int) -> Tensor:
    """(P, S, S) bool truth to (P, 1, S / stride, S / stride): 1 where any of a cell's pixels is true (SNLE)."""
    return F.max_pool2d(masks[:, None].float(), stride)


def weighted_cross_entropy(logits: Tensor, target: Tensor, negative_weight: float) -> Tensor:
    """SNLE's mean cross entropy over logits and target of one shape, with a weight where the target is 0."""
    weight = negative_weight + (1 - negative_weight) * target
    return F.binary_cross_entropy_with_logits(logits.float(), target, weight)
