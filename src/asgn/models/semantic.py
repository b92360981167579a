"""Semantic embedding, SE (Sec. III-B2), and the mask head that it closes."""

from typing import Literal

import torch
from torch import Tensor, nn

from asgn.models.backbone import Backbone, Features
from asgn.models.joined import JoinedPointwise
from asgn.models.pointwise import glorot_part_, start_glorot

SemanticInput = Literal["prob", "logit", "feat"]
SemanticStart = Literal["neutral", "random"]


_START = {"prob": (8.0, -4.0), "logit": (1.0, 0.0), "feat": (1.0, 0.0)}
"""First weight and bias of what is joined."""


class MaskHead(nn.Module):
    """conv2 of the base model: fused features to one logit per cell.

    `score` may be any module from what a generator computes of image and phrase, (P, C, ...), to logits (P, 1, h, w).
    """

    def __init__(self, score: nn.Module) -> None:
        super().__init__()
        self.score = score

    def image_part(self, features: Features) -> Tensor | None:
        """Nothing here depends on the image alone."""
        del features
        return None

    def forward(self, fused: Tensor, image_part: Tensor | None) -> Tensor:
        """(P, C, ...) to logits (P, 1, h, w)."""
        del image_part
        logits: Tensor = self.score(fused)
        return logits


class SemanticMaskHead(MaskHead):
    """The logits are predicted from the base model's map joined with the backbone's last feature.

    `prob` joins the probability map (Sec. III-B2), `logit` the raw score, `feat` the fused features themselves (the
    paper's Fig. 2). The last two linear parts are computed apart: the image's once per image (protocol section 7).

    A `neutral` start is the base model's own map: the image's share at zero and a joined probability stretched to
    logits of -4 to 4. A `random` start instead buries the phrase's map under the image's, and the one weight that
    could lift it moves by no more than Adam's rate a step.
    """

    def __init__(
        self, score: nn.Module, backbone: Backbone, joined: SemanticInput, start: SemanticStart = "neutral"
    ) -> None:
        super().__init__(score)
        self.joined = joined
        self.semantic = JoinedPointwise(backbone, backbone.output, 1, bias=joined != "feat")
        nn.init.zeros_(self.semantic.weight)
        scale, offset = _START[joined]
        self.weight = None if joined == "feat" else nn.Parameter(torch.tensor([scale]))
        if self.semantic.bias is not None:
            nn.init.constant_(self.semantic.bias, offset)
        if start == "random":
            start_glorot(self.semantic, joined=0 if self.weight is None else 1)
        if start == "random" and self.weight is not None:
            with torch.no_grad():
                glorot_part_(self.weight[None], self.semantic.in_channels + 1)

    def image_part(self, features: Features) -> Tensor:
        """The backbone's maps to the image's share of the logits, (I, 1, h, w)."""
        part: Tensor = self.semantic(features)
        return part

    def forward(self, fused: Tensor, image_part: Tensor | None) -> Tensor:
        """(P, C, ...) and the image's share, on the grid of the logits, to logits (P, 1, h, w)."""
        assert image_part is not None
        score: Tensor = self.score(fused)
        if self.weight is None:
            return score + image_part
        return self.weight * (torch.sigmoid(score) if self.joined == "prob" else score) + image_part
