"""Train asgn-mobile on one CPU core in about four hours, or anywhere faster.

    python -m benchmarks.mobile_train DATA YOLOX_NANO WORD_VECTORS OUT.safetensors

DATA is the folder of `benchmarks.mobile_data`. The networks, their start and what the checkpoint says are those of
`asgn train`; the loop differs by what pays on a CPU. All layers behind the backbone are 1x1, so that the loss is taken
at every second cell each way, from a random offset, and they cost a quarter. An image brings eight phrases. Photographs
with human masks of things and regions alike (photorefer) come more often. Beside the cross entropy stands the Dice loss
(Milletari et al., V-Net, 2016), which counts small objects like large ones. First the backbone is frozen, then what
follows dark3 is trained too. Two legs follow on the first, with photographs varied more, scenes made of others
(`mobile_scenes`) and dropout before the score. Each leg starts from the exponential moving average of the weights of
the one before, and what is saved is that of the last.
"""

import copy
import math
import random
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from asgn.checkpoint import save_model
from asgn.config import TrainConfig
from asgn.data.by_image import by_image, image_ids
from asgn.data.checks.image_origin import ImageLists
from asgn.data.datasets import open_dataset
from asgn.data.files.coco_instances import Instances
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
from benchmarks.mobile_scenes import Scene, SceneMaker, single_things

ROW = "N+LSTM+DE(conv2,conv3,conv4,conv5)+SE"
SIZE, STRIDE = 416, 8
MODEL = {"image_size": SIZE, "fusion_size": 512}
RAMP = 300
IMAGES, PHRASES, CELL_STEP = 8, 8, 2
BACKBONE_SHARE, POWER, LEAST_RATE = 0.3, 0.9, 0.01
"""The backbone's rate as a share of the rest's, and how rates fall."""
CELLS = 1600
"""The cross entropy is summed over the paper's 40 x 40 cells."""
DICE_WEIGHT, LARGEST_GRADIENT = 300.0, 2000.0
SAVE_EVERY = 500
MIDDLE = 110
"""The grey that contrast leaves as it is."""
LABELLED = "coco128"
"""Photographs of which every pixel is annotated, by the beginning of their names."""


class Variation(NamedTuple):
    """How far photographs are varied."""

    zoom: tuple[float, float]
    tint: float
    brightness: float
    contrast: float
    saturation: float
    joined: float
    """Share of the labelled photographs that two side by side take the place of."""
    pasted: float
    """Share of all photographs that something is pasted into."""


class Leg(NamedTuple):
    """A part of the training with a falling rate of its own."""

    steps: int
    frozen_steps: int
    """The first ones, with a frozen backbone."""
    rate: float
    warmup: int
    mean_over: float
    """Decay of the moving average of the weights."""
    dropout: float
    """Share of the fused units that are left out before the score."""
    times: dict[str, int]
    """How often a photograph comes in an epoch, by the beginning of its name."""
    variation: Variation


MILD = Variation((0.7, 1.3), 0, 0.2, 0, 0.2, joined=0, pasted=0)
STRONG = Variation((0.55, 1.8), 0.12, 0.3, 0.25, 0.5, joined=0.36, pasted=0.24)
LEGS = (
    Leg(10_600, 2_050, 1e-3, 200, 0.999, 0.0, {"coco128": 8, "voc2007": 4, "davis16": 4}, MILD),
    Leg(4_100, 0, 6e-4, 50, 0.998, 0.2, {"coco128": 20, "voc2007": 6, "davis16": 6}, STRONG),
    Leg(7_000, 0, 6e-4, 50, 0.998, 0.2, {"coco128": 20, "voc2007": 6, "davis16": 6}, STRONG),
)


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
    gains: tuple[float, ...]
    """Of red, green and blue."""
    contrast: float
    saturation: float

    @classmethod
    def draw(cls, rng: random.Random, far: Variation) -> "Move":
        def around_one(by: float) -> float:
            return rng.uniform(1 - by, 1 + by)

        size = round(SIZE * math.exp(rng.uniform(math.log(far.zoom[0]), math.log(far.zoom[1]))))
        row, column = (round(rng.random() * (SIZE - size)) for _ in range(2))
        brightness = around_one(far.brightness)
        gains = tuple(brightness * around_one(far.tint) for _ in range(3))
        mirror = rng.random() < 0.5
        return cls(mirror, size, row, column, gains, around_one(far.contrast), around_one(far.saturation))

    def image(self, pixels: Image) -> Tensor:
        """(S, S, 3) uint8 to (3, S, S) float."""
        image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float()
        image = F.interpolate(
            image.flip(-1) if self.mirror else image, (self.size, self.size), mode="bilinear", antialias=True
        )
        right, bottom = SIZE - self.size - self.column, SIZE - self.size - self.row
        image = F.pad(image, (self.column, right, self.row, bottom))  # cuts where it is negative
        grey = image.mean(1, keepdim=True)
        image = (grey + (image - grey) * self.saturation - MIDDLE) * self.contrast + MIDDLE
        return (image * torch.tensor(self.gains).view(1, 3, 1, 1)).clamp(0, 255)[0]

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
    """A leg's batches by step number, the same for the same number."""

    def __init__(self, leg: int, data: PackedDataset, scenes: SceneMaker, vocabulary: Vocabulary) -> None:
        self.leg, self.data, self.scenes, self.vocabulary = leg, data, scenes, vocabulary
        self.variation = LEGS[leg].variation
        self.said = {group[0].image_id: group for group in by_image(data.expressions)}
        names = {key: image.file_name for key, image in scenes.instances.images.items()}
        self.ids = [key for key in sorted(self.said) for _ in range(_times(LEGS[leg].times, names[key]))]
        self.order = (-1, self.ids)

    def batch(self, step: int) -> Batch:
        rng = random.Random(f"leg {self.leg} step {step}")
        offset = rng.randrange(CELL_STEP), rng.randrange(CELL_STEP)
        images, truth, sentences = [], [], []
        for image_id in self._images(step):
            move, scene = Move.draw(rng, self.variation), self._scene(rng, image_id)
            images.append(move.image(scene.pixels))
            rows, columns, inside = move.cells(offset)
            for phrase, mask in zip(scene.phrases, scene.masks, strict=True):
                truth.append(torch.from_numpy(mask[np.ix_(rows, columns)] & inside).flatten())
                text = mirrored_phrase(phrase) if move.mirror else phrase
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

    def _scene(self, rng: random.Random, image_id: int) -> Scene:
        said, chance, scene = self.said[image_id], rng.random(), None
        if image_id in self.scenes.labels and chance < self.variation.joined:
            scene = self.scenes.side_by_side(rng, PHRASES)
        elif chance >= 1 - self.variation.pasted:
            scene = self.scenes.with_pasted(rng, image_id, said, PHRASES)
        if scene is not None:
            return scene
        chosen = rng.sample(said, PHRASES) if len(said) >= PHRASES else rng.choices(said, k=PHRASES)
        masks = [self.data.mask(expression) for expression in chosen]
        return Scene(self.data.image(image_id), [expression.text for expression in chosen], masks)

    def _images(self, step: int) -> list[int]:
        epoch, place = divmod(step, len(self.ids) // IMAGES)
        if self.order[0] != epoch:
            shuffled = random.Random(f"leg {self.leg} epoch {epoch}").sample(self.ids, len(self.ids))
            self.order = epoch, shuffled
        return self.order[1][place * IMAGES : (place + 1) * IMAGES]


def _times(times: dict[str, int], name: str) -> int:
    return next((count for start, count in times.items() if name.startswith(start)), 1)


def logits_at_cells(network: Generator, batch: Batch, dropout: float = 0.0) -> Tensor:
    """What the network's own `forward` gives at the cells of the batch, (I, K, N), with dropout before the score."""
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
    weight = F.dropout(head.score.weight.flatten().expand(IMAGES, PHRASES, 1, -1), dropout)
    score = (fused @ weight.mT.to(fused.dtype))[..., 0] + head.score.bias
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


class Learner:
    """A network in training, the moving average of its weights, and how far it is.

    Args:
        network: with its first weights.
        keep: where the state is kept, and taken up again.
    """

    def __init__(self, network: Generator, keep: Path) -> None:
        self.network, self.mean, self.keep = network, copy.deepcopy(network), keep
        network.freeze_backbone(False)
        self.backbone = [weight for weight in network.backbone_weights() if weight.requires_grad]
        left_out = {id(weight) for weight in network.backbone_weights()}
        self.rest = [weight for weight in network.parameters() if weight.requires_grad and id(weight) not in left_out]
        self.start_leg(0)
        if keep.exists():
            self.leg, self.step, *states = torch.load(keep).values()
            for part, state in zip((self.network, self.mean, self.optimizer), states, strict=True):
                part.load_state_dict(state)

    def start_leg(self, leg: int) -> None:
        """From the mean weights of the leg before."""
        self.leg, self.step = leg, 0
        self.network.load_state_dict(self.mean.state_dict())
        groups = [{"params": self.rest}, {"params": self.backbone}]
        self.optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99), fused=True)

    def learn(self, photographs: Photographs) -> float:
        """One step; gives the cross entropy."""
        leg = LEGS[self.leg]
        rate = leg.rate * min(1, (self.step + 1) / leg.warmup)
        rate *= max(LEAST_RATE, (1 - self.step / leg.steps) ** POWER)
        ramp = min(1, max(0, self.step + 1 - leg.frozen_steps) / RAMP) if leg.frozen_steps else 1
        for group, share in zip(self.optimizer.param_groups, (1, BACKBONE_SHARE * ramp), strict=True):
            group["lr"] = rate * share
        for weight in self.backbone:
            weight.requires_grad_(self.step >= leg.frozen_steps)
        batch = photographs.batch(self.step)
        with torch.autocast("cpu", torch.bfloat16):
            logits = logits_at_cells(self.network, batch, leg.dropout)
        loss, entropy = loss_of(logits, batch.truth)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*self.rest, *self.backbone], LARGEST_GRADIENT)
        self.optimizer.step()
        with torch.no_grad():
            share = 1 - min(leg.mean_over, (self.step + 1) / (self.step + 10))
            torch._foreach_lerp_(list(self.mean.parameters()), list(self.network.parameters()), share)
        self.step += 1
        return entropy

    def save(self) -> None:
        states = {"network": self.network, "mean": self.mean, "optimizer": self.optimizer}
        kept = {"leg": self.leg, "step": self.step} | {name: part.state_dict() for name, part in states.items()}
        torch.save(kept, self.keep)


def train(learner: Learner, data: PackedDataset, scenes: SceneMaker, vocabulary: Vocabulary) -> Generator:
    """Train from where the learner is to the end; gives the network of the mean weights."""
    began = time.monotonic()
    for leg in range(learner.leg, len(LEGS)):
        if leg > learner.leg:
            learner.start_leg(leg)
        photographs = Photographs(leg, data, scenes, vocabulary)
        while learner.step < LEGS[leg].steps:
            entropy = learner.learn(photographs)
            if learner.step % SAVE_EVERY == 0 or learner.step == LEGS[leg].steps:
                past = time.monotonic() - began
                print(f"leg {leg}, step {learner.step}: cross entropy {entropy:.0f}, {past:.0f} s", flush=True)
                learner.save()
    return learner.mean


def scenes_of(data: PackedDataset, instances: Instances) -> SceneMaker:
    """Scenes of photorefer's COCO photographs, and of the things of `coco80` and `voc_animals`."""
    named = {key: instances.images[key].file_name for key in image_ids(data.expressions)}
    labelled = [key for key, name in named.items() if name.startswith(LABELLED)]
    donors = {key for key, name in named.items() if name.startswith(("COCO_t", "voc_"))}
    return SceneMaker(data, instances, labelled, single_things(data, donors))


def main(folder: Path, weights: Path, vectors: Path, out: Path) -> None:
    torch.manual_seed(0)
    data, validation = (open_dataset("own", folder, split, seed=0) for split in ("train", "val"))
    plan = RunConfig(
        variant=Variant.parse(ROW),
        train_data=data,
        validation_data=validation,
        folder=out.parent,
        train=TrainConfig(steps=sum(leg.steps for leg in LEGS), finetune=True),
        model_changes=MODEL,
        word_vectors=read_word_vectors(vectors),
        weights=weights,
    )
    model = build_state(plan).model
    leaks = check_leaks(data, ImageLists(), plan.variant.backbone, allow=False)
    model.provenance["leaks"] = with_start(leaks, model.provenance).to_json()
    packed = open_packed(data, out.parent / "packed", SIZE)
    learner = Learner(model.generator, out.with_suffix(".state.pt"))
    trained = train(learner, packed, scenes_of(packed, data.instances), model.vocabulary)
    save_model(out, replace(model, generator=trained.eval()))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
