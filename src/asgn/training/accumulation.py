"""Steps over batches too large to pass at once: the gradients of their parts add up to those of the whole.

The generator runs on one part of `phrases` expressions after the other. The discriminator, which is small, always
sees the whole batch, so that its batch norm has the statistics that it would have without parts.
"""

from collections.abc import Iterator
from contextlib import nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from asgn.data.types import Batch
from asgn.losses import adversarial_loss
from asgn.models.generator import Prediction
from asgn.training.step import AdversarialStep, Report, SupervisedStep, guarded_step, predict


class PartwiseSupervisedStep:
    """The step of `whole`, its batch passed in parts."""

    def __init__(self, whole: SupervisedStep, phrases: int) -> None:
        self.whole = whole
        self.phrases = phrases

    def __call__(self, batch: Batch) -> Report:
        """Take the step; reports `ce`, `l2`, `loss` and `gradient`."""
        whole = self.whole
        whole.optimizer.zero_grad()
        reports = []
        for part, share, prediction in predictions(whole.accelerator, whole.generator, batch, self.phrases):
            loss, report = whole.segmentation(prediction, part.masks)
            whole.accelerator.backward(share * loss)
            reports.append({name: share * value for name, value in (report | {"loss": loss.detach()}).items()})
        return added(reports) | {"gradient": guarded_step(whole.optimizer)}


class PartwiseAdversarialStep:
    """The steps of `whole`, the generator's batch passed in parts, twice.

    The first pass, without gradient, gives the masks from which D learns. The slope of the adversarial loss is then
    taken at those masks, and the second pass carries it on into the generator.
    """

    def __init__(self, whole: AdversarialStep, phrases: int) -> None:
        self.whole = whole
        self.phrases = phrases

    def __call__(self, batch: Batch) -> Report:
        """Take both steps; reports what the whole step does."""
        whole = self.whole
        photographs = batch.images[batch.image_index]
        with torch.no_grad():
            masks = [probabilities(predict(whole.generator, part)) for part in batch.split(self.phrases)]
        fake = torch.cat(masks)
        real = whole._real_masks(whole.accelerator.unwrap_model(whole.generator), batch.masks)
        discriminator_report = whole._step_discriminator(photographs, real, fake)

        fake.requires_grad_()
        adversarial = adversarial_loss(whole._score_frozen(photographs, fake), whole.losses.adversarial_form)
        (slope,) = torch.autograd.grad(adversarial, fake)
        report = self._step_generator(batch, slope)
        report["loss"] += adversarial.detach()
        return report | {"adversarial": adversarial.detach()} | discriminator_report

    def _step_generator(self, batch: Batch, slope: Tensor) -> Report:
        """Descend L_adv + lambda * L_CE, the former by its slope (P, 1, S, S) at the masks."""
        whole, reports = self.whole, []
        whole.optimizer.zero_grad()
        slopes = torch.split(slope, self.phrases)
        passes = predictions(whole.accelerator, whole.generator, batch, self.phrases)
        for (part, share, prediction), its_slope in zip(passes, slopes, strict=True):
            segmentation, report = whole.segmentation(prediction, part.masks)
            weighted = whole.losses.ce_weight * segmentation
            whole.accelerator.backward((probabilities(prediction) * its_slope).sum() + share * weighted)
            reports.append({name: share * value for name, value in (report | {"loss": weighted.detach()}).items()})
        return added(reports) | {"gradient": guarded_step(whole.optimizer)}


def predictions(
    accelerator: Accelerator, generator: nn.Module, batch: Batch, phrases: int
) -> Iterator[tuple[Batch, float, Prediction]]:
    """Each part of a batch, its share of the phrases, and its prediction; processes exchange gradients at the last."""
    parts = batch.split(phrases)
    for number, part in enumerate(parts, start=1):
        with nullcontext() if number == len(parts) else accelerator.no_sync(generator):
            yield part, len(part.lengths) / len(batch.lengths), predict(generator, part)


def probabilities(prediction: Prediction) -> Tensor:
    """(P, 1, S, S) soft masks in float32."""
    return torch.sigmoid(prediction.pixels.float())


def added(reports: list[Report]) -> Report:
    """The sum of reports, name by name."""
    return {name: torch.stack([report[name] for report in reports]).sum() for name in reports[0]}
