"""Semantic embedding, SE (Sec. III-B2), and the mask head that it closes."""

from typing import Literal

import torch
from torch import Tensor, nn

from asgn.models.pointwise import glorot_part_, pointwise

SemanticInput = Literal["prob", "logit", "feat"]


class MaskHead(nn.Module):
    """conv2 of the base model: fused features to one logit per cell."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = pointwise(channels, 1)

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
        self.weight: nn.Parameter | None = None
        if joined == "feat":
            self.semantic = pointwise(feature_channels, 1, bias=False, joined=channels)
            self.score = pointwise(channels, 1, joined=feature_channels)
        else:
            self.semantic = pointwise(feature_channels, 1, joined=1)
            self.weight = nn.Parameter(torch.empty(1))
            glorot_part_(self.weight, feature_channels + 1)

    def image_part(self, feature: Tensor) -> Tensor:
        """(I, feature_channels, h, w) to the image's share of the logits, (I, 1, h, w)."""
        part: Tensor = self.semantic(feature)
        return part

    def forward(self, fused: Tensor, image_part: Tensor | None) -> Tensor:
        """(P, C, h, w) and the image's share to logits (P, 1, h, w)."""
        assert image_part is not None
        score: Tensor = self.score(fused)
        if self.weight is None:
            return score + image_part
        return self.weight * (torch.sigmoid(score) if self.joined == "prob" else score) + image_part
