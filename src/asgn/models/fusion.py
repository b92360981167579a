"""Fusion of image and sentence by a 1x1 convolution (Sec. III-B), computed in exact parts."""

import torch
from torch import Tensor, nn

from asgn.models.language import Language
from asgn.models.pointwise import glorot_part_, pointwise


class SentenceFusion(nn.Module):
    """ReLU(conv1([visual; sentence; spatial; detail])), as W.[v; l; s; d] = Wv.v + Wl.l + Ws.s + Wd.d.

    The image part is computed once per image, the sentence part once per phrase, as a vector that is broadcast:
    the tiled 2,000-channel map of the paper's figure is never made.
    """

    def __init__(self, image_channels: int, detail_channels: int, language_size: int, size: int) -> None:
        super().__init__()
        image_channels += detail_channels
        self.image = pointwise(image_channels, size, joined=language_size)
        self.language = nn.Linear(language_size, size, bias=False)
        glorot_part_(self.language.weight, image_channels + language_size)
        self.out_channels = size

    def image_part(self, image: Tensor, detail: Tensor | None) -> tuple[Tensor, ...]:
        """(I, image_channels, h, w) and the detail to what only the image decides: ((I, size, h, w),)."""
        joined = image if detail is None else torch.cat([image, detail], dim=1)
        return (self.image(joined),)

    def forward(self, image_part: tuple[Tensor, ...], language: Language) -> Tensor:
        """The parts of one image, or of one image per phrase, and P phrases to (P, size, h, w)."""
        sentence: Tensor = self.language(language.sentence)[:, :, None, None]
        return torch.relu_(image_part[0] + sentence)  # in place: the largest map there is
