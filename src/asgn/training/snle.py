"""SNLE's three stages as one run (protocol section 8): box crops, then cells, then pixels.

The stages keep the proportions of the original's 25,000, 30,000 and 18,000 steps whatever the run's length. Each
starts stochastic gradient descent afresh, and the last one may be adversarial.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import SGD, Adam, Optimizer

from asgn.config import LossConfig, TrainConfig
from asgn.data.types import Batch
from asgn.losses import divisor_of, target_of_cells, weight_penalty, weighted_cross_entropy
from asgn.models import snle
from asgn.models.generator import Prediction
from asgn.models.paper_generator import PaperGenerator
from asgn.training.distributed import average_gradients
from asgn.training.optimizers import adam
from asgn.training.step import Report, Step, guarded_step

STEPS_OF_ORIGINAL = sum(stage.steps for stage in snle.SCHEDULE)


def snle_optimizer(generator: PaperGenerator, config: TrainConfig) -> SGD | Adam:
    """Momentum descent over all that any stage trains, or Adam; what a stage freezes has no gradient in it."""
    for stage in snle.SCHEDULE:
        snle.prepare(generator, stage)
    weights = [weight for weight in generator.parameters() if weight.requires_grad]
    if config.snle == "adam":
        return adam([{"params": weights, "lr": config.learning_rate}], config)
    return SGD(weights, lr=snle.LEARNING_RATE, momentum=snle.MOMENTUM, fused=True)


class PixelLoss:
    """The third stage's loss: every pixel counts, negatives by a third, averaged; with SNLE's weight decay.

    It is multiplied by `scale`: the paper's cells where the adversarial loss joins it, so that Eq. 7's lambda weighs
    the same as in the other rows, whose cross entropy is as if summed over that grid.
    """

    def __init__(self, network: PaperGenerator, scale: float) -> None:
        self.network = network
        self.scale = scale

    def __call__(self, prediction: Prediction, masks: Tensor) -> tuple[Tensor, Report]:
        """The loss, and its two parts as `ce` and `l2`."""
        target = masks[:, None].float()
        entropy = weighted_cross_entropy(prediction.pixels, target, snle.SCHEDULE[2].negative_weight)
        penalty = snle.WEIGHT_DECAY * weight_penalty(snle.regularised_weights(self.network))
        return self.scale * (entropy + penalty), {"ce": entropy.detach(), "l2": penalty.detach()}


class StagedStep:
    """The step of whatever stage the run is in."""

    def __init__(
        self,
        network: PaperGenerator,
        optimizer: Optimizer,
        pixels: Step,
        pixel_rate: float,
        config: TrainConfig,
        current: Callable[[], int],
    ) -> None:
        """`pixels` is the third stage's step, `pixel_rate` a factor on its learning rate, `current` the step."""
        self.network = network
        self.optimizer = optimizer
        self.pixels = pixels
        self.pixel_rate = pixel_rate
        self.config = config
        self.current = current

    def __call__(self, batch: Batch) -> Report:
        """Take the step of the current stage; reports at least `ce`, `l2` and `loss`."""
        stage, own_step, is_first = stage_at(self.current(), self.config.steps)
        snle.prepare(self.network, stage)
        if is_first:
            self.optimizer.state.clear()
        for group in self.optimizer.param_groups:
            group["lr"] = stage.learning_rate(own_step) * (self.pixel_rate if stage.target == "pixels" else 1.0)
        if stage.target == "pixels":
            return self.pixels(batch)
        logits, target = self._boxes(batch) if stage.target == "boxes" else self._cells(batch)
        entropy = weighted_cross_entropy(logits, target, stage.negative_weight)
        penalty = snle.WEIGHT_DECAY * weight_penalty(snle.regularised_weights(self.network))
        loss = entropy + penalty
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        average_gradients(weight for group in self.optimizer.param_groups for weight in group["params"])
        norm = guarded_step(self.optimizer)
        report = {"ce": entropy, "l2": penalty, "loss": loss, "gradient": norm}
        return {name: value.detach() for name, value in report.items()}

    def _cells(self, batch: Batch) -> tuple[Tensor, Tensor]:
        logits = snle.cell_logits(self.network, batch.images, batch.image_index, batch.tokens, batch.lengths)
        return logits, target_of_cells(batch.masks, self.network.stride)

    def _boxes(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Each phrase with its object's box, which is right, and with boxes drawn to miss it, which are wrong.

        A phrase whose object is absent has the whole image, which is wrong too.
        """
        own, side = mask_boxes(batch.masks), batch.masks.shape[-1]
        missing, theirs = boxes_beside(own, side, self.config.snle_negatives)
        boxes = torch.cat([own, missing])
        phrase = torch.cat([torch.arange(len(own), device=own.device), theirs])
        crops = [_crop(batch.images[batch.image_index[p]], box) for p, box in zip(phrase, boxes, strict=True)]
        coordinates = snle.box_coordinates(boxes, side, side)
        logits = snle.box_logits(
            self.network, torch.stack(crops), coordinates, batch.tokens[phrase], batch.lengths[phrase]
        )
        is_there = batch.masks.any(dim=(1, 2)).float()
        return logits, torch.cat([is_there, is_there.new_zeros(len(missing))])


def stage_starts(steps: int) -> list[int]:
    """The first step of each stage of a run."""
    before = [sum(stage.steps for stage in snle.SCHEDULE[:number]) for number in range(len(snle.SCHEDULE))]
    return [round(steps * earlier / STEPS_OF_ORIGINAL) for earlier in before]


def stage_at(step: int, steps: int) -> tuple[snle.Stage, int, bool]:
    """The stage of a run's step, the original's step that it stands for, and whether it is the stage's first."""
    end = 0
    for stage in snle.SCHEDULE:
        start, end = end, end + stage.steps
        first, behind = round(steps * start / STEPS_OF_ORIGINAL), round(steps * end / STEPS_OF_ORIGINAL)
        if step < behind:
            return stage, int((step - first) / (behind - first) * stage.steps), step == first
    return snle.SCHEDULE[-1], snle.SCHEDULE[-1].steps - 1, False


def mask_boxes(masks: Tensor) -> Tensor:
    """(P, S, S) masks to (P, 4) boxes [xmin, ymin, xmax, ymax], ends included; an empty mask gives the whole."""
    side = masks.shape[-1]
    columns, rows = masks.any(dim=1).int(), masks.any(dim=2).int()
    low = torch.stack([columns.argmax(dim=1), rows.argmax(dim=1)], dim=1)
    high = side - 1 - torch.stack([columns.flip(1).argmax(dim=1), rows.flip(1).argmax(dim=1)], dim=1)
    return torch.cat([low, high], dim=1)


def boxes_beside(boxes: Tensor, side: int, count: int) -> tuple[Tensor, Tensor]:
    """Draw `count` boxes that miss each of (P, 4) boxes in a square of `side` pixels.

    Each lies in one of the four strips beside the box, taken by area, its corners uniform there. Gives (N, 4) boxes
    and, for each, the number of the box it misses, (N,); a box that leaves no strip has none.
    """
    xmin, ymin, xmax, ymax = boxes.cpu().unbind(dim=1)
    zero, last = torch.zeros_like(xmin), torch.full_like(xmin, side - 1)
    strips = torch.stack(
        [
            torch.stack(strip, dim=1)
            for strip in (
                (zero, zero, xmin - 1, last),
                (xmax + 1, zero, last, last),
                (zero, zero, last, ymin - 1),
                (zero, ymax + 1, last, last),
            )
        ],
        dim=1,
    )
    sizes = (strips[..., 2:] - strips[..., :2] + 1).clamp(min=0)
    areas = sizes.prod(dim=2)
    owners = areas.sum(dim=1).nonzero()[:, 0].repeat_interleave(count)
    if len(owners) == 0:
        return boxes[:0], owners.to(boxes.device)
    chosen = torch.multinomial(areas[owners].float(), 1)[:, 0]
    low, size = strips[owners, chosen, :2], sizes[owners, chosen]
    corners = (low[:, None] + (torch.rand(len(owners), 2, 2) * size[:, None]).long()).sort(dim=1).values
    return corners.flatten(1).to(boxes.device), owners.to(boxes.device)


def _crop(image: Tensor, box: Tensor) -> Tensor:
    """(3, S, S) and a box to the box's picture, (3, 224, 224) float, whatever its shape."""
    xmin, ymin, xmax, ymax = (int(edge) for edge in box)
    content = image[None, :, ymin : ymax + 1, xmin : xmax + 1].float()
    size = (snle.CROP_SIZE, snle.CROP_SIZE)
    return F.interpolate(content, size=size, mode="bilinear", align_corners=False)[0]


def pixel_scale(losses: LossConfig, adversarial: bool) -> tuple[float, float]:
    """Factors on the third stage's loss and on its learning rate.

    Plain descent is not invariant to a loss's scale: with the adversarial loss the whole of Eq. 7 is as if divided
    by lambda times the cells, which leaves the cross entropy's own step as it is without.
    """
    if not adversarial:
        return 1.0, 1.0
    scale = 1 / divisor_of(losses.ce_reduction, 1)
    return scale, 1 / (losses.ce_weight * scale)
