"""One optimisation step: supervised (Eq. 2, 3), or adversarial (Eq. 5 to 7)."""

from collections.abc import Callable

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from asgn.config import LossConfig
from asgn.data.types import Batch
from asgn.losses import adversarial_loss, cross_entropy, discriminator_loss, target_on_grid, weight_penalty
from asgn.models.discriminator import Discriminator
from asgn.models.generator import Generator, Prediction

Report = dict[str, Tensor]
"""Named scalars of one step, detached and left on the device, so that reading them is the only synchronisation."""


Step = Callable[[Batch], Report]
"""Updates the networks from one batch and says what happened."""


SegmentationLoss = Callable[[Prediction, Tensor], tuple[Tensor, Report]]
"""Prediction and truth (P, S, S) to L_CE with the L2 penalty, and a report of both."""


class GridLoss:
    """Eq. 3 on the output's grid and the L2 penalty, which shrinks with the cross entropy's reduction."""

    def __init__(self, network: Generator, losses: LossConfig) -> None:
        self.network = network
        self.losses = losses

    def __call__(self, prediction: Prediction, masks: Tensor) -> tuple[Tensor, Report]:
        """The loss, and its two parts as `ce` and `l2`."""
        target = target_on_grid(masks, self.network.stride)
        entropy = cross_entropy(prediction.grid, target, self.losses.ce_reduction)
        cells = target[0].numel() if self.losses.ce_reduction == "mean" else 1
        penalty = self.losses.weight_decay / cells * weight_penalty(self.network.regularised_weights())
        return entropy + penalty, {"ce": entropy.detach(), "l2": penalty.detach()}


class SupervisedStep:
    """One descent step on the segmentation loss alone."""

    def __init__(
        self, accelerator: Accelerator, generator: nn.Module, optimizer: Optimizer, segmentation: SegmentationLoss
    ) -> None:
        self.accelerator = accelerator
        self.generator = generator
        self.optimizer = optimizer
        self.segmentation = segmentation

    def __call__(self, batch: Batch) -> Report:
        """Take the step; reports `ce`, `l2` and `loss`."""
        loss, report = self.segmentation(predict(self.generator, batch), batch.masks)
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        norm = guarded_step(self.optimizer)
        return report | {"loss": loss.detach(), "gradient": norm}


class AdversarialStep:
    """One descent step on D, then one on G (Sec. IV-C), from a single pass of the generator.

    D learns from the true mask and the detached prediction. G then minimises L_adv + lambda * L_CE (Eq. 7), with the
    score of the same prediction by the D just updated, whose own weights take no gradient from it.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        generator: nn.Module,
        optimizer: Optimizer,
        discriminator: nn.Module,
        discriminator_optimizer: Optimizer,
        segmentation: SegmentationLoss,
        losses: LossConfig,
    ) -> None:
        self.accelerator = accelerator
        self.generator = generator
        self.optimizer = optimizer
        self.discriminator = discriminator
        self.discriminator_optimizer = discriminator_optimizer
        self.segmentation = segmentation
        self.losses = losses

    def __call__(self, batch: Batch) -> Report:
        """Take both steps; reports losses, and D's mean probability of truth for real and fake masks."""
        network: Generator = self.accelerator.unwrap_model(self.generator)
        prediction = predict(self.generator, batch)
        photographs = batch.images[batch.image_index]
        fake = torch.sigmoid(prediction.pixels.float())
        real = self._real_masks(network, batch.masks)
        discriminator_report = self._step_discriminator(photographs, real, fake.detach())

        segmentation, report = self.segmentation(prediction, batch.masks)
        adversarial = adversarial_loss(self._score_frozen(photographs, fake), self.losses.adversarial_form)
        total = adversarial + self.losses.ce_weight * segmentation
        self.optimizer.zero_grad()
        self.accelerator.backward(total)
        norm = guarded_step(self.optimizer)
        report |= {"adversarial": adversarial.detach(), "loss": total.detach(), "gradient": norm}
        return report | discriminator_report

    def _step_discriminator(self, photographs: Tensor, real: Tensor, fake: Tensor) -> Report:
        """Eq. 6's maximisation; real and fake go separately, each normalised by its own statistics."""
        real_logits = self.discriminator(photographs, real)
        fake_logits = self.discriminator(photographs, fake)
        loss = discriminator_loss(real_logits, fake_logits)
        self.discriminator_optimizer.zero_grad()
        self.accelerator.backward(loss)
        norm = guarded_step(self.discriminator_optimizer)
        return {
            "discriminator": loss.detach(),
            "discriminator_gradient": norm,
            "real_accuracy": (real_logits > 0).float().mean(),
            "fake_accuracy": (fake_logits < 0).float().mean(),
        }

    def _score_frozen(self, photographs: Tensor, fake: Tensor) -> Tensor:
        """D's logits of the prediction, with a gradient to the prediction but none to D."""
        network: Discriminator = self.accelerator.unwrap_model(self.discriminator)
        network.requires_grad_(False)
        with self.accelerator.autocast():
            logits: Tensor = network(photographs, fake)
        network.requires_grad_(True)
        return logits

    def _real_masks(self, network: Generator, masks: Tensor) -> Tensor:
        """The truth as D sees it (protocol section 6)."""
        if self.losses.real_masks == "literal":
            return masks.unsqueeze(1).float()
        with torch.no_grad():
            matched: Tensor = network.upsample(target_on_grid(masks, network.stride))
        return matched


def guarded_step(optimizer: Optimizer) -> Tensor:
    """Step unless the gradient is not finite; its norm is returned.

    The fused Adam leaves weights and moments alone where `found_inf` is 1, so the decision is taken on the device
    and nothing waits for it.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    norm: Tensor = torch.nn.utils.get_total_norm([weight.grad for weight in weights if weight.grad is not None])
    inner = getattr(optimizer, "optimizer", optimizer)  # accelerate wraps the optimizer
    setattr(inner, "found_inf", (~torch.isfinite(norm)).to(torch.float32))  # noqa: B010
    optimizer.step()
    return norm.detach()


def predict(generator: nn.Module, batch: Batch) -> Prediction:
    """The generator's prediction for a batch."""
    prediction: Prediction = generator(batch.images, batch.image_index, batch.tokens, batch.lengths)
    return prediction
