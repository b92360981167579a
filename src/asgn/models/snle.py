"""SNLE's own training (protocol section 8): three stages on one network, each with its target and learning rates.

The stages share every weight. The first two know neither detail enhancement nor semantic embedding, which join the
network at the third, as adversarial training does (protocol section 8).
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from asgn.models.fusion import SentenceFusion
from asgn.models.paper_generator import PaperGenerator
from asgn.models.spatial import spatial_coordinates
from asgn.models.vgg import VGG16

WORDS = 20
"""Sentences are padded in front to this many words, and the pads are read (protocol section 2)."""
CROP_SIZE = 224
"""Side in pixels of the box crops of the first stage."""
LEARNING_RATE = 0.01
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4

Target = Literal["boxes", "cells", "pixels"]


@dataclass(frozen=True)
class Stage:
    """One stage; its optimiser is stochastic gradient descent with momentum, started afresh."""

    target: Target
    """What is classified: box crops, cells of the 16 x 16 grid with any true pixel, or pixels."""
    steps: int
    batch_size: int
    decay_every: int
    """Steps after which the learning rate is divided by 10, again and again."""
    negative_weight: float
    """Weight of the loss where the truth is 0."""
    trains_classifier: bool
    """Whether fc6, fc7 and fc8 are trained; the convolutions never are."""

    def learning_rate(self, step: int) -> float:
        """The rate of the stage's step, counted from 0."""
        return LEARNING_RATE * 0.1 ** (step // self.decay_every)


SCHEDULE = (
    Stage("boxes", 25_000, 50, 10_000, 1.0, trains_classifier=False),
    Stage("cells", 30_000, 10, 10_000, 1.0, trains_classifier=True),
    Stage("pixels", 18_000, 10, 6_000, 1 / 3, trains_classifier=True),
)


def initialise(generator: PaperGenerator) -> None:
    """The base code's normal distributions for the two layers of its MLP."""
    assert isinstance(generator.fusion, SentenceFusion)
    assert isinstance(generator.head.score, nn.Conv2d)
    nn.init.normal_(generator.fusion.image.weight, std=0.05)
    nn.init.normal_(generator.fusion.language.weight, std=0.05)
    nn.init.normal_(generator.head.score.weight, std=0.1)


def prepare(generator: PaperGenerator, stage: Stage) -> None:
    """Choose the weights that a stage trains.

    What joins at the third stage is out of training before it, so that the weight decay does not wear it down.
    """
    backbone = _backbone_of(generator)
    backbone.requires_grad_(False)
    for layer in (backbone.fc6, backbone.fc7, generator.visual):
        layer.requires_grad_(stage.trains_classifier)
    head = [weight for name, weight in generator.head.named_parameters() if not name.startswith("score.")]
    detail = [] if generator.detail is None else list(generator.detail.parameters())
    for weight in (*head, *detail, *generator.upsample.parameters()):
        weight.requires_grad_(stage.target == "pixels")


def box_logits(
    generator: PaperGenerator, crops: Tensor, coordinates: Tensor, tokens: Tensor, lengths: Tensor
) -> Tensor:
    """Logits (P,) that each phrase refers to its box: the first stage.

    `crops` is (P, 3, 224, 224) raw RGB, resized whatever its shape; `coordinates` (P, 8) of the boxes, see
    `box_coordinates`; `tokens` (P, T) and `lengths` (P,).
    """
    backbone = _backbone_of(generator)
    described = generator.visual({backbone.output: backbone.describe_crops(crops)})
    return _plain_logits(generator, described, coordinates[:, :, None, None], tokens, lengths).flatten()


def cell_logits(
    generator: PaperGenerator, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor
) -> Tensor:
    """Logits (P, 1, h, w) without detail enhancement, semantic embedding and upsampling: the second stage.

    Images are (I, 3, S, S), phrase p is about image `image_index[p]`.
    """
    described = generator.visual(generator.backbone(images))
    coordinates = spatial_coordinates(described)
    return _plain_logits(generator, described[image_index], coordinates, tokens, lengths)


def box_coordinates(boxes: Tensor, height: int, width: int) -> Tensor:
    """(P, 4) boxes [xmin, ymin, xmax, ymax] in pixels, ends included, to (P, 8) in -1..1 with width and height."""
    size = torch.tensor([width, height, width, height], device=boxes.device)
    corners = 2 * boxes / size - 1
    low, high = corners[:, :2], corners[:, 2:]
    return torch.cat([low, high, (low + high) / 2, high - low], dim=1)


def regularised_weights(generator: PaperGenerator) -> list[Tensor]:
    """What SNLE's weight decay acts on: the trained weights, the LSTM's too, but no bias and no embedding."""
    return [
        weight
        for name, weight in generator.named_parameters()
        if weight.requires_grad and "bias" not in name and not name.startswith("language.embedding")
    ]


def _plain_logits(
    generator: PaperGenerator, visual: Tensor, coordinates: Tensor, tokens: Tensor, lengths: Tensor
) -> Tensor:
    """The network as if it had neither detail enhancement nor semantic embedding; (P, 1, h, w)."""
    image = generator.describe(visual, coordinates)
    detail = None
    if generator.detail is not None:
        detail = image.new_zeros(len(image), generator.detail.out_channels, *image.shape[-2:])
    fused = generator.fusion(generator.fusion.image_part(image, detail), generator.language(tokens, lengths))
    logits: Tensor = generator.head.score(fused)
    return logits


def _backbone_of(generator: PaperGenerator) -> VGG16:
    if not isinstance(generator.backbone, VGG16):
        raise TypeError(f"the stages of SNLE train its own backbone, not {type(generator.backbone).__name__}")
    return generator.backbone
