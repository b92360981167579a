"""How much of the generator's gradient is adversarial, in runs with AT at their end.

    python -m benchmarks.adversarial_share ROOT SPLIT RUN...

For each run the norm of the gradient of -log D over that of lambda times the cross entropy, both at the logits of the
grid, the mean over some batches of the `own` data in ROOT. The weight of each is what Eq. 7 gives it.
"""

import sys
from pathlib import Path

import torch

from asgn.checkpoint import load_model, read_tensors
from asgn.config import LossConfig
from asgn.data.datasets import open_dataset
from asgn.data.loading.batches import BatchStream
from asgn.data.types import ReferringDataset
from asgn.losses import adversarial_loss, cross_entropy, target_on_grid
from asgn.models.discriminator import Discriminator
from asgn.training.loop import LAST
from asgn.training.step import soft_masks
from benchmarks.measure import record

BATCHES, BATCH, PHRASES = 6, 8, 4
PREFIX = "discriminator."


def main(root: Path, split: str, runs: list[Path]) -> None:
    data = open_dataset("own", root, split, seed=0)
    shares = {run.name: round(share(run, data), 4) for run in runs}
    record("adversarial_share", {"split": split, "share of lambda times the cross entropy's": shares})


def share(run: Path, data: ReferringDataset) -> float:
    model, (tensors, header) = load_model(run / LAST), read_tensors(run / LAST)
    losses = LossConfig(**header["training"]["settings"]["losses"])
    judge = Discriminator(losses.discriminator_input, losses.discriminator_norm, losses.discriminator_output)
    judge.load_state_dict({k.removeprefix(PREFIX): v for k, v in tensors.items() if k.startswith(PREFIX)})
    network, found = model.generator, []
    stream = BatchStream(
        data, model.vocabulary, side=model.config.image_size, batch_size=BATCH, steps=BATCHES, seed=0,
        phrases_per_image=PHRASES,
    )  # fmt: skip
    for batch in map(stream.__getitem__, range(BATCHES)):
        prediction = network(batch.images, batch.image_index, batch.tokens, batch.lengths)
        verdict = judge(batch.images[batch.image_index], soft_masks(prediction))
        entropy = cross_entropy(prediction.grid, target_on_grid(batch.masks, network.stride), losses.ce_reduction)
        parts = (adversarial_loss(verdict, "non-saturating"), losses.ce_weight * entropy)
        norms = [torch.autograd.grad(part, prediction.grid, retain_graph=True)[0].norm() for part in parts]
        found.append(float(norms[0] / norms[1]))
    return sum(found) / len(found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], list(map(Path, sys.argv[3:])))
