"""One optimisation step: supervised (Eq. 2, 3), or adversarial (Eq. 5 to 7)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from asgn.config import LossConfig
from asgn.data.types import Batch
from asgn.losses import (
    adversarial_loss,
    cross_entropy,
    discriminator_loss,
    divisor_of,
    feature_distance,
    target_on_grid,
    weight_penalty,
)
from asgn.models.discriminator import Discriminator
from asgn.models.generator import Prediction, ReferringGenerator
from asgn.training.distributed import average_over_processes

Report = dict[str, Tensor]
"""Named scalars of one step, detached and left on the device, so that reading them is the only synchronisation."""


Step = Callable[[Batch], Report]
"""Updates the networks from one batch and says what happened."""


SegmentationLoss = Callable[[Prediction, Tensor], tuple[Tensor, Report]]
"""Prediction and truth (P, S, S) to L_CE with the L2 penalty, and a report of both."""


class GridLoss:
    """Eq. 3 on the output's grid and the L2 penalty, which keeps its share of the sum whatever the reduction."""

    def __init__(self, network: ReferringGenerator, losses: LossConfig) -> None:
        self.network = network
        self.losses = losses

    def __call__(self, prediction: Prediction, masks: Tensor) -> tuple[Tensor, Report]:
        """The loss, and its two parts as `ce` and `l2`."""
        target = target_on_grid(masks, self.network.stride, self.network.first_pixel)
        entropy = cross_entropy(prediction.grid, target, self.losses.ce_reduction)
        divisor = divisor_of(self.losses.ce_reduction, target[0].numel())
        weights = self.network.regularised_weights()
        penalty = self.losses.weight_decay / divisor * weight_penalty(weights) if weights else entropy.new_zeros(())
        return entropy + penalty, {"ce": entropy.detach(), "l2": penalty.detach()}


class Passes:
    """G's passes over one batch, at most `micro_batch` phrases at once (0: all); their gradients add up.

    The prediction of a batch that passes whole is kept. Of several parts each is predicted twice, first without
    gradient for the masks, so that the graph of one part alone is held at any time.
    """

    def __init__(self, accelerator: Accelerator, generator: nn.Module, batch: Batch, micro_batch: int) -> None:
        self.accelerator = accelerator
        self.generator = generator
        self.phrases = len(batch.lengths)
        self.parts = batch.split(micro_batch) if 0 < micro_batch < self.phrases else [batch]
        self.kept: Prediction | None = None

    def masks(self) -> Tensor:
        """Soft masks (P, 1, S, S) in float32: a leaf, at which the gradient of a loss over them gathers."""
        with torch.set_grad_enabled(len(self.parts) == 1):
            predictions = [predict(self.generator, part) for part in self.parts]
        self.kept = predictions[0] if len(self.parts) == 1 else None
        return torch.cat([soft_masks(prediction) for prediction in predictions]).detach().requires_grad_()

    def __iter__(self) -> Iterator[tuple[Batch, float, Prediction]]:
        """Each part, its share of the phrases and its prediction; processes exchange gradients at the last."""
        for number, part in enumerate(self.parts, start=1):
            with nullcontext() if number == len(self.parts) else self.accelerator.no_sync(self.generator):
                yield part, len(part.lengths) / self.phrases, self.kept or predict(self.generator, part)


class SupervisedStep:
    """One descent step on the segmentation loss alone, its batch passed in parts of `micro_batch` phrases."""

    def __init__(
        self,
        accelerator: Accelerator,
        generator: nn.Module,
        optimizer: Optimizer,
        segmentation: SegmentationLoss,
        micro_batch: int = 0,
    ) -> None:
        self.accelerator = accelerator
        self.generator = generator
        self.optimizer = optimizer
        self.segmentation = segmentation
        self.micro_batch = micro_batch

    def __call__(self, batch: Batch) -> Report:
        """Take the step; reports `ce`, `l2`, `loss` (their sum) and `gradient` (its norm)."""
        return self.descend(self.passes(batch))

    def passes(self, batch: Batch) -> Passes:
        """The generator's passes over a batch."""
        return Passes(self.accelerator, self.generator, batch, self.micro_batch)

    def descend(self, passes: Passes, weight: float = 1.0, slope: Tensor | None = None) -> Report:
        """Descend `weight` times the segmentation loss and a loss over the masks.

        Of the latter only the gradient at the masks is needed: `slope`, (P, 1, S, S), scaled as all gradients are in
        fp16. Reports as a call does; `loss` is the weighted segmentation loss alone.
        """
        self.optimizer.zero_grad()
        reports, first = [], 0
        for part, share, prediction in passes:
            segmentation, report = self.segmentation(prediction, part.masks)
            loss = weight * segmentation
            total = scaled(share * loss, self.accelerator.scaler)
            if slope is not None:
                total = total + (soft_masks(prediction) * slope[first : first + len(part.lengths)]).sum()
                first += len(part.lengths)
            torch.autograd.backward(total)
            reports.append({name: share * value for name, value in (report | {"loss": loss.detach()}).items()})
        summed = {name: torch.stack([report[name] for report in reports]).sum() for name in reports[0]}
        return summed | {"gradient": guarded_step(self.optimizer)}


class AdversarialStep:
    """One descent step on D, then one on G (Sec. IV-C), by the same prediction.

    D learns from the true mask and the detached prediction. G then minimises L_adv + lambda * L_CE (Eq. 7), with the
    score of the same prediction by the D just updated, whose own weights take no gradient from it. D, which is
    small, always sees the whole batch, so that its batch norm has the statistics that it has without micro-batches.
    """

    def __init__(
        self, generator_step: SupervisedStep, discriminator: nn.Module, optimizer: Optimizer, losses: LossConfig
    ) -> None:
        self.generator_step = generator_step
        self.accelerator = generator_step.accelerator
        self.discriminator = discriminator
        self.optimizer = optimizer
        self.losses = losses

    def __call__(self, batch: Batch) -> Report:
        """Take both steps; reports what `SupervisedStep` does, Eq. 7 as `loss`, and `_report_of_both`'s."""
        passes = self.generator_step.passes(batch)
        images = batch.images[batch.image_index]  # I, (P, 3, S, S)
        fake = passes.masks()  # F(x), (P, 1, S, S)
        real = self._real_masks(batch.masks)  # M
        real_logits = self.discriminator(images, real)  # in separate calls, each with its own batch statistics
        fake_logits = self.discriminator(images, fake.detach())
        loss_of_d = discriminator_loss(real_logits, fake_logits, self.losses.real_label)  # Eq. 6
        gradient_of_d = self._descend_discriminator(loss_of_d)

        judge = self.accelerator.unwrap_model(self.discriminator)
        with frozen(judge), self.accelerator.autocast():
            adversarial = self._adversarial(judge, images, fake, real)  # Eq. 5
        self.accelerator.backward(adversarial)  # as far as the masks
        report = self.generator_step.descend(passes, self.losses.ce_weight, fake.grad)  # Eq. 7
        report["loss"] += adversarial.detach()
        return report | _report_of_both(adversarial, loss_of_d, gradient_of_d, real_logits, fake_logits)

    def _descend_discriminator(self, loss: Tensor) -> Tensor:
        """Eq. 6's maximisation, unless D is too good already; gives the gradient's norm."""
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        floor = self.losses.discriminator_floor
        return guarded_step(self.optimizer, average_over_processes(loss.detach()) < floor if floor else None)

    def _adversarial(self, judge: Discriminator, images: Tensor, fake: Tensor, real: Tensor) -> Tensor:
        """What the generator minimises beside the cross entropy, by the D just updated."""
        form, weight = self.losses.adversarial_form, self.losses.feature_matching
        logits, features = judge.look(images, fake)
        loss = logits.new_zeros(()) if form == "none" else adversarial_loss(logits, form)
        if weight:
            with torch.no_grad():
                _, of_truth = judge.look(images, real)
            loss = loss + weight * feature_distance(features, of_truth)
        return loss

    def _real_masks(self, masks: Tensor) -> Tensor:
        """The truth as D sees it (protocol section 6)."""
        if self.losses.real_masks == "literal":
            return masks.unsqueeze(1).float()
        network: ReferringGenerator = self.accelerator.unwrap_model(self.generator_step.generator)
        with torch.no_grad():
            matched: Tensor = network.upsample(target_on_grid(masks, network.stride, network.first_pixel))
        return matched


def _report_of_both(
    adversarial: Tensor, loss_of_d: Tensor, gradient_of_d: Tensor, real_logits: Tensor, fake_logits: Tensor
) -> Report:
    """Both sides' losses, D's gradient norm, and the shares of true and of predicted masks that D tells as such."""
    return {
        "adversarial": adversarial.detach(),
        "discriminator": loss_of_d.detach(),
        "discriminator_gradient": gradient_of_d,
        "real_accuracy": (real_logits > 0).float().mean(),
        "fake_accuracy": (fake_logits < 0).float().mean(),
    }


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Within it a network's weights take no gradient, while what passes through it does."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def guarded_step(optimizer: Optimizer, held: Tensor | None = None) -> Tensor:
    """Step unless the gradient is not finite, or `held` is true; its norm is returned, without fp16's factor.

    The fused optimisers leave weights and moments alone where `found_inf` is 1, so the decision is taken on the device
    and nothing waits for it.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    norm: Tensor = torch.nn.utils.get_total_norm([weight.grad for weight in weights if weight.grad is not None])
    inner = getattr(optimizer, "optimizer", optimizer)  # accelerate wraps the optimizer
    skipped = ~torch.isfinite(norm) if held is None else ~torch.isfinite(norm) | held
    factor = scaled(torch.ones_like(norm), getattr(optimizer, "scaler", None))  # the step may change it
    found = skipped.to(torch.float32)
    hook = inner.register_step_pre_hook(lambda *_: setattr(inner, "found_inf", found))  # in place of fp16's scaler's
    optimizer.step()
    hook.remove()
    return norm.detach() / factor


def scaled(loss: Tensor, scaler: GradScaler | None) -> Tensor:
    """The loss times what keeps gradients within fp16's range; as it is without a scaler."""
    return loss if scaler is None else scaler.scale(loss)


def predict(generator: nn.Module, batch: Batch) -> Prediction:
    """The generator's prediction for a batch, from the features of its images where it has them."""
    images = batch.features and {name: feature.float() for name, feature in batch.features.items()}
    prediction: Prediction = generator(images or batch.images, batch.image_index, batch.tokens, batch.lengths)
    return prediction


def soft_masks(prediction: Prediction) -> Tensor:
    """(P, 1, S, S) probabilities in float32."""
    return torch.sigmoid(prediction.pixels.float())
