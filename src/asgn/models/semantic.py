"""Semantic embedding, SE (Sec. III-B2), and the mask head that it closes."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

SemanticInput = Literal["prob", "logit", "feat"]


class MaskHead(nn.Module):
    """conv2 of the base model: fused features to one logit per cell."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels, 1, 1)
        nn.init.xavier_uniform_(self.score.weight)
        assert self.score.bias is not None
        nn.init.zeros_(self.score.bias)

    def image_part(self, feature: Tensor) -> Tensor | None:
        """Nothing here depends on the image alone."""
        del feature
        return None

    def forward(self, fused: Tensor, image_part: Tensor | None) -> Tensor:
        """(P, C, h, w) to logits (P, 1, h, w)."""
        del image_part
        logits: Tensor = self.score(fused)
        return logits


class SemanticMaskHead(MaskHead):
    """The logits are predicted from the base model's map joined with the backbone's last feature.

    `prob` joins the probability map (Sec. III-B2), `logit` the raw score, `feat` the fused features themselves (the
    paper's Fig. 2). The last two linear parts are computed apart: the image's once per image (protocol section 7).
    """

    def __init__(self, channels: int, feature_channels: int, joined: SemanticInput) -> None:
        super().__init__(channels)
        self.joined = joined
        self.semantic = nn.Conv2d(feature_channels, 1, 1, bias=joined != "feat")
        self.weight = nn.Parameter(torch.empty(1)) if joined != "feat" else None
        bound = math.sqrt(6 / (feature_channels + (channels if joined == "feat" else 1) + 1))
        nn.init.uniform_(self.semantic.weight, -bound, bound)
        if joined == "feat":
            nn.init.uniform_(self.score.weight, -bound, bound)
        if self.weight is not None:
            nn.init.uniform_(self.weight, -bound, bound)
        if self.semantic.bias is not None:
            nn.init.zeros_(self.semantic.bias)

    def image_part(self, feature: Tensor) -> Tensor:
        """(I, feature_channels, h, w) to the image's share of the logits, (I, 1, h, w)."""
        part: Tensor = self.semantic(feature)
        return part

    def forward(self, fused: Tensor, image_part: Tensor | None) -> Tensor:
        """(P, C, h, w) and the image's share to logits (P, 1, h, w)."""
        assert image_part is not None
        score = self.score(fused)
        if self.weight is None:
            return score + image_part
        return self.weight * (torch.sigmoid(score) if self.joined == "prob" else score) + image_part
