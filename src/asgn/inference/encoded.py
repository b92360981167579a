"""An encoded image, and what answers phrases about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from asgn.data.types import Image
from asgn.data.vocabulary import Encoded, Vocabulary
from asgn.inference.phrases.reader import Reading
from asgn.models.generator import ImageFeatures


class PhraseModel(Protocol):
    """What answers phrases about an encoded image; `Segmenter` is one."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The words it knows."""

    def read_phrase(self, phrase: str) -> Reading:
        """The phrase as it reads it. Raises PhraseError."""

    def network_logits(self, encoded: EncodedImage, encodings: Sequence[Encoded]) -> Tensor:
        """Logits (P, S, S) of P phrases over the network's square, on the CPU."""

    def at_threshold(self, encoded: EncodedImage, encodings: Sequence[Encoded], logits: Tensor) -> Tensor:
        """Logits (P, S, S) moved so that masks are where they are at least 0."""

    def presences(self, encoded: EncodedImage, encodings: Sequence[Encoded], logits: Tensor) -> list[float]:
        """How likely what each phrase names is in the image, from those logits."""


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """An image's features, ready for any number of phrases."""

    features: ImageFeatures
    square: Tensor
    """(3, S, S) uint8, what the network saw."""
    height: int
    width: int
    pixels: Image | None = field(repr=False)
    """(H, W, 3) for overlays; None where they are not kept."""
    segmenter: PhraseModel = field(repr=False)
