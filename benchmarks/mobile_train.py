"""Train asgn-mobile on one CPU core in 80 minutes, or anywhere faster.

    python -m benchmarks.mobile_train DATA YOLOX_NANO WORD_VECTORS OUT.safetensors

DATA is the folder of `benchmarks.mobile_data`. The networks, their start and what the checkpoint says are those of
`asgn train`; the loop differs by what pays on a CPU. All layers behind the backbone are 1x1, so that the loss is taken
at every second cell each way, from a random offset, and they cost a quarter. An image brings eight phrases. Photographs
with human masks of things and regions alike (photorefer) come more often. Beside the cross entropy stands the Dice loss
(Milletari et al., V-Net, 2016), which counts small objects like large ones. First the backbone is frozen, then what
follows dark3 is trained too. What is saved is an exponential moving average of the weights.
"""

import copy
import math
import random
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from asgn.checkpoint import save_model
from asgn.config import TrainConfig
from asgn.data.checks.image_origin import ImageLists
from asgn.data.datasets import open_dataset
from asgn.data.files.word_vectors import read_word_vectors
from asgn.data.loading.mirrored_phrase import mirrored_phrase
from asgn.data.loading.pack import PackedDataset, open_packed
from asgn.data.loading.word_dropout import by_vector_alone
from asgn.data.types import Image
from asgn.data.vocabulary import Vocabulary
from asgn.experiments.runs.assembly import RunConfig, build_state
from asgn.experiments.runs.leaks import check_leaks, with_start
from asgn.models.generator import Generator
from asgn.models.joined import JoinedPointwise
from asgn.models.spatial import spatial_coordinates
from asgn.models.upsampling import LegacyBilinear
from asgn.variants import Variant

ROW = "N+LSTM+DE(conv2,conv3,conv4,conv5)+SE"
SIZE, STRIDE = 416, 8
MODEL = {"image_size": SIZE, "fusion_size": 512, "outlines": "image"}
STEPS, FROZEN_STEPS, RAMP = 10_600, 2_050, 300
IMAGES, PHRASES, CELL_STEP = 8, 8, 2
RATE, BACKBONE_RATE, POWER, LEAST_RATE = 1e-3, 3e-4, 0.9, 0.01
CELLS = 1600
"""The cross entropy is summed over the paper's 40 x 40 cells."""
DICE_WEIGHT, LARGEST_GRADIENT, MEAN_OVER = 300.0, 2000.0, 0.999
ZOOM, LIGHT = (0.7, 1.3), 0.2
SAVE_EVERY = 500
TIMES = {"coco128": 8, "voc2007": 4, "davis16": 4}
"""How often a photograph comes in an epoch, by the beginning of its name."""


class Batch(NamedTuple):
    """I photographs with K phrases each, and their truth at N cells."""

    images: Tensor
    """(I, 3, S, S) float RGB."""
    truth: Tensor
    """(I, K, N) bool."""
    tokens: Tensor
    """(I x K, T) word ids, padded behind."""
    lengths: Tensor
    """(I x K,)"""
    offset: tuple[int, int]
    """Row and column of the first cell."""


class Move(NamedTuple):
    """How a photograph is varied: mirrored, brought to `size` pixels, moved by rows and columns, and its light."""

    mirror: bool
    size: int
    row: int
    column: int
    saturation: float
    brightness: float

    @classmethod
    def draw(cls, rng: random.Random) -> "Move":
        size = round(SIZE * math.exp(rng.uniform(math.log(ZOOM[0]), math.log(ZOOM[1]))))
        room = SIZE - size
        light = (rng.uniform(1 - LIGHT, 1 + LIGHT) for _ in range(2))
        return cls(rng.random() < 0.5, size, round(rng.random() * room), round(rng.random() * room), *light)

    def image(self, pixels: Image) -> Tensor:
        """(S, S, 3) uint8 to (3, S, S) float."""
        image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
        image = F.interpolate(image.flip(-1) if self.mirror else image, (self.size, self.size), mode="bilinear")
        right, bottom = SIZE - self.size - self.column, SIZE - self.size - self.row
        image = F.pad(image, (self.column, right, self.row, bottom))  # cuts where it is negative
        grey = image.mean(1, keepdim=True)
        return ((grey + (image - grey) * self.saturation) * self.brightness).clamp(0, 255)[0]

    def cells(self, offset: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each cell the row and column of the packed mask that it shows, and whether it shows any."""
        rows, columns = (
            np.round((np.arange(first * STRIDE, SIZE, STRIDE * CELL_STEP) - start + 0.5) / self.size * SIZE - 0.5)
            for first, start in zip(offset, (self.row, self.column), strict=True)
        )
        inside = ((rows >= 0) & (rows < SIZE))[:, None] & ((columns >= 0) & (columns < SIZE))
        columns = SIZE - 1 - columns if self.mirror else columns
        return rows.clip(0, SIZE - 1).astype(int), columns.clip(0, SIZE - 1).astype(int), inside


class Photographs:
    """Batches by step number, the same for the same number."""

    def __init__(self, data: PackedDataset, names: dict[int, str], vocabulary: Vocabulary) -> None:
        self.data, self.vocabulary = data, vocabulary
        self.said = defaultdict(list)
        for expression in data.expressions:
            self.said[expression.image_id].append(expression)
        self.ids = [key for key in sorted(self.said) for _ in range(_times(names[key]))]
        self.order = (-1, self.ids)

    def batch(self, step: int) -> Batch:
        rng = random.Random(f"step {step}")
        offset = rng.randrange(CELL_STEP), rng.randrange(CELL_STEP)
        images, truth, sentences = [], [], []
        for image_id in self._images(step):
            move = Move.draw(rng)
            images.append(move.image(self.data.image(image_id)))
            rows, columns, inside = move.cells(offset)
            said = self.said[image_id]
            for expression in rng.sample(said, PHRASES) if len(said) >= PHRASES else rng.choices(said, k=PHRASES):
                truth.append(torch.from_numpy(self.data.mask(expression)[np.ix_(rows, columns)] & inside).flatten())
                text = mirrored_phrase(expression.text) if move.mirror else expression.text
                key = (rng.getrandbits(30),)
                ids = by_vector_alone(self.vocabulary.encode(text), len(self.vocabulary), key)
                sentences.append(torch.tensor(ids))
        return Batch(
            torch.stack(images).contiguous(memory_format=torch.channels_last),
            torch.stack(truth).view(IMAGES, PHRASES, -1),
            torch.nn.utils.rnn.pad_sequence(sentences, batch_first=True),
            torch.tensor([len(sentence) for sentence in sentences]),
            offset,
        )

    def _images(self, step: int) -> list[int]:
        epoch, place = divmod(step, len(self.ids) // IMAGES)
        if self.order[0] != epoch:
            self.order = epoch, random.Random(f"epoch {epoch}").sample(self.ids, len(self.ids))
        return self.order[1][place * IMAGES : (place + 1) * IMAGES]


def _times(name: str) -> int:
    return next((times for start, times in TIMES.items() if name.startswith(start)), 1)


def logits_at_cells(network: Generator, batch: Batch) -> Tensor:
    """What the network's own `forward` gives at the cells of the batch, (I, K, N)."""
    backbone, detail, head = network.backbone, network.detail, network.head
    maps = backbone(batch.images)
    cells = {name: _cells(maps[name], backbone.strides[name], batch.offset) for name in network.maps_read}

    def linear(layer: JoinedPointwise, of: str) -> Tensor:
        joined = torch.cat([cells[name] for name in backbone.maps_of(of)], dim=-1)
        return F.linear(joined, layer.weight.flatten(1), layer.bias)

    visual = F.normalize(linear(network.visual, backbone.output), dim=-1)
    grid = spatial_coordinates(maps[backbone.maps_of(backbone.output)[0]])
    places = _cells(grid, STRIDE, batch.offset).expand(IMAGES, -1, -1)
    assert detail is not None
    details = [F.normalize(linear(layer, name), dim=-1) for name, layer in detail.reduce.items()]
    fusion = network.fusion
    weight = fusion.image.weight.flatten(1)
    image = F.linear(torch.cat([visual, places.to(visual.dtype), *details], dim=-1), weight, fusion.image.bias)
    sentence = fusion.language(network.language(batch.tokens, batch.lengths).sentence).view(IMAGES, PHRASES, 1, -1)
    fused = torch.relu_(image.unsqueeze(1) + sentence)
    score = fused @ head.score.weight.flatten() + head.score.bias
    return head.weight * torch.sigmoid(score.float()) + linear(head.semantic, backbone.output).float().mT


def _cells(feature: Tensor, stride: int, offset: tuple[int, int]) -> Tensor:
    """(I, C, h, w) of a stride to (I, N, C) at the cells of the output's grid."""
    if stride > STRIDE:
        feature = LegacyBilinear(stride // STRIDE)(feature)
    step = max(1, STRIDE // stride)
    sampled = feature[..., ::step, ::step][..., offset[0] :: CELL_STEP, offset[1] :: CELL_STEP]
    return sampled.flatten(2).mT


def loss_of(logits: Tensor, truth: Tensor) -> tuple[Tensor, float]:
    """Cross entropy and Dice loss, and the first alone."""
    target = truth.float()
    entropy = CELLS * F.binary_cross_entropy_with_logits(logits, target)
    prob = torch.sigmoid(logits)
    both = prob.sum(-1) + target.sum(-1)
    dice = 1 - (2 * (prob * target).sum(-1) + 1) / (both + 1)
    return entropy + DICE_WEIGHT * (dice * truth.any(-1)).mean(), float(entropy.detach())


def train(network: Generator, photographs: Photographs, keep: Path) -> Generator:
    """Train from the state in `keep`, where there is one; gives the network of the mean weights."""
    network.freeze_backbone(False)
    later = [weight for weight in network.backbone.parameters() if weight.requires_grad]
    own = {id(weight) for weight in network.backbone.parameters()}
    first = [weight for weight in network.parameters() if weight.requires_grad and id(weight) not in own]
    optimizer = torch.optim.Adam([{"params": first}, {"params": later}], betas=(0.9, 0.99), fused=True)
    mean = copy.deepcopy(network)
    pairs = list(zip(mean.parameters(), network.parameters(), strict=True))
    start, began = 0, time.monotonic()
    if keep.exists():
        start, *states = torch.load(keep).values()
        for part, state in zip((network, mean, optimizer), states, strict=True):
            part.load_state_dict(state)
    for step in range(start, STEPS):
        rate = min(1, (step + 1) / 200) * max(LEAST_RATE, (1 - step / STEPS) ** POWER)
        optimizer.param_groups[0]["lr"] = RATE * rate
        optimizer.param_groups[1]["lr"] = BACKBONE_RATE * rate * min(1, max(0, step + 1 - FROZEN_STEPS) / RAMP)
        for weight in later:
            weight.requires_grad_(step >= FROZEN_STEPS)
        batch = photographs.batch(step)
        with torch.autocast("cpu", torch.bfloat16):
            logits = logits_at_cells(network, batch)
        loss, entropy = loss_of(logits, batch.truth)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*first, *later], LARGEST_GRADIENT)
        optimizer.step()
        with torch.no_grad():
            share = 1 - min(MEAN_OVER, (step + 1) / (step + 10))
            torch._foreach_lerp_([one for one, _ in pairs], [other for _, other in pairs], share)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == STEPS:
            print(f"step {step + 1}: cross entropy {entropy:.0f}, {time.monotonic() - began:.0f} s", flush=True)
            states = {"network": network, "mean": mean, "optimizer": optimizer}
            torch.save({"step": step + 1} | {name: part.state_dict() for name, part in states.items()}, keep)
    return mean


def main(folder: Path, weights: Path, vectors: Path, out: Path) -> None:
    torch.manual_seed(0)
    data, validation = (open_dataset("own", folder, split, seed=0) for split in ("train", "val"))
    plan = RunConfig(
        variant=Variant.parse(ROW),
        train_data=data,
        validation_data=validation,
        folder=out.parent,
        train=TrainConfig(steps=STEPS, finetune=True),
        model_changes=MODEL,
        word_vectors=read_word_vectors(vectors),
        weights=weights,
    )
    model = build_state(plan).model
    leaks = check_leaks(data, ImageLists(), plan.variant.backbone, allow=False)
    model.provenance["leaks"] = with_start(leaks, model.provenance).to_json()
    names = {key: image.file_name for key, image in data.instances.images.items()}
    packed = open_packed(data, out.parent / "packed", SIZE)
    photographs = Photographs(packed, names, model.vocabulary)
    trained = train(model.generator, photographs, out.with_suffix(".state.pt"))
    save_model(out, replace(model, generator=trained.eval()))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
