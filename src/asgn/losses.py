"""The losses of Eq. 2, 3, 5, 6 and 7 and the L2 penalty of the base code."""

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

PAPER_CELLS = 40 * 40
"""Cells of the paper's grid: 320 pixels at stride 8."""


def target_on_grid(masks: Tensor, stride: int, first: int = 0) -> Tensor:
    """(P, S, S) bool truth to (P, 1, S / stride, S / stride) float, read at every cell's centre.

    With the first cell on pixel 0 that is `mask[::stride, ::stride]` (protocol section 3).
    """
    return masks[:, None, first::stride, first::stride].float()


def cross_entropy(logits: Tensor, target: Tensor, reduction: Literal["sum", "mean"]) -> Tensor:
    """Eq. 3 over logits and target (P, 1, h, w), summed or averaged over the grid, averaged over phrases.

    The sum is as if over the paper's 40 x 40 cells whatever the grid, so that a weight on it means the same at every
    image size: 1600 times the mean (protocol section 6).
    """
    loss = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="sum")
    return loss / (len(logits) * divisor_of(reduction, logits[0].numel()))


def divisor_of(reduction: Literal["sum", "mean"], cells: int) -> float:
    """What a sum over a grid of this many cells is divided by; for a sum over the paper's grid it is 1."""
    return cells if reduction == "mean" else cells / PAPER_CELLS


def weight_penalty(weights: Iterable[Tensor]) -> Tensor:
    """Half the sum of squares of all weights (protocol section 3)."""
    return torch.stack([0.5 * weight.float().square().sum() for weight in weights]).sum()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor, real_label: float = 1.0) -> Tensor:
    """The negated maximand of Eq. 6, halved: D scores true masks 1 and predicted ones 0; both (P,) or (P, h, w).

    A `real_label` below 1 is one-sided label smoothing (Salimans et al. 2016).
    """
    labels = torch.full_like(real_logits, real_label, dtype=torch.float32)
    real = F.binary_cross_entropy_with_logits(real_logits.float(), labels)
    fake = F.binary_cross_entropy_with_logits(fake_logits.float(), torch.zeros_like(fake_logits, dtype=torch.float32))
    return 0.5 * (real + fake)


def adversarial_loss(fake_logits: Tensor, form: Literal["non-saturating", "minimax"]) -> Tensor:
    """The generator's side of Eq. 6, to be minimised, over D's logits (P,) or (P, h, w).

    `minimax` is log(1 - D) as printed, whose gradient fades where D wins; `non-saturating` is -log D.
    """
    logits = fake_logits.float()
    if form == "minimax":
        return F.logsigmoid(-logits).mean()
    return -F.logsigmoid(logits).mean()


def feature_distance(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Feature matching of SegAN: the mean |difference| of D's features of paired masks, averaged over D's layers."""
    pairs = zip(fake, real, strict=True)
    return torch.stack([F.l1_loss(one.float(), other.float()) for one, other in pairs]).mean()


def target_of_cells(masks: Tensor, stride: int) -> Tensor:
    """(P, S, S) bool truth to (P, 1, S / stride, S / stride): 1 where any of a cell's pixels is true (SNLE)."""
    return F.max_pool2d(masks[:, None].float(), stride)


def weighted_cross_entropy(logits: Tensor, target: Tensor, negative_weight: float) -> Tensor:
    """SNLE's mean cross entropy over logits and target of one shape, with a weight where the target is 0."""
    weight = negative_weight + (1 - negative_weight) * target
    return F.binary_cross_entropy_with_logits(logits.float(), target, weight)
