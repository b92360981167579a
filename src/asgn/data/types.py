"""The types that every data set yields: expressions over images, and batches of them.

Shapes: I images and P phrases of a batch, T words, H x W pixels, S the side of the square input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # reading data takes 0.1 GB without torch, which it does not need, and 0.5 GB with it
    from torch import Tensor, device

Image = NDArray[np.uint8]
"""(H, W, 3) RGB, 0..255."""

Mask = NDArray[np.bool_]
"""(H, W), True where the phrase refers."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One referring expression over one image.

    `annotation_ids` are the objects it refers to, several for a plural phrase, none for a phrase whose object
    is absent from the image. `ref_id` is shared by all expressions of one referent in one image.
    """

    sentence_id: int
    ref_id: int
    image_id: int
    annotation_ids: tuple[int, ...]
    text: str


class ReferringDataset(Protocol):
    """One split of a data set. Images and masks are read when asked for, never before."""

    @property
    def name(self) -> str:
        """The data set's name on the command line, such as `unc` or `synthetic`."""

    @property
    def split(self) -> str:
        """The split's name, such as `train` or `testA`."""

    @property
    def expressions(self) -> Sequence[Expression]:
        """All expressions of the split, in a fixed order."""

    def image(self, image_id: int) -> Image:
        """The image. Raises DataError where it cannot be read."""

    def mask(self, expression: Expression) -> Mask:
        """The union of the expression's objects, at the image's size. Raises DataError for a bad annotation."""

    def fingerprint(self) -> str:
        """Hex digest that changes whenever what the split says changes."""


@runtime_checkable
class ImagesOnDisk(Protocol):
    """A split whose images are files."""

    def image_path(self, image_id: int) -> Path:
        """Where the image is expected. Raises DataError for an unknown one."""


@dataclass
class Batch:
    """Expressions ready for a network. Several may share an image, which is then held once."""

    images: Tensor
    """(I, 3, S, S) uint8 RGB, padded with zeros to the square."""
    image_index: Tensor
    """(P,) int64: the image of each phrase."""
    tokens: Tensor
    """(P, T) int64 word ids, right-padded."""
    lengths: Tensor
    """(P,) int64 words of each phrase, at least 1."""
    masks: Tensor
    """(P, S, S) bool ground truth."""
    features: dict[str, Tensor] | None = None
    """Maps of the images from a cache, (I, C, h, w) each, where the backbone need not compute them."""

    def to(self, device: device | str) -> Batch:
        """The batch on `device`; copies from pinned memory do not block."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def split(self, phrases: int) -> list[Batch]:
        """The batch in parts of N phrases, the last perhaps of fewer, each with the images it needs."""
        parts = []
        for first in range(0, len(self.lengths), phrases):
            own = slice(first, first + phrases)
            used, index = self.image_index[own].unique(return_inverse=True)  # type: ignore[no-untyped-call]
            features = self.features and {name: value[used] for name, value in self.features.items()}
            parts.append(
                Batch(self.images[used], index, self.tokens[own], self.lengths[own], self.masks[own], features)
            )
        return parts

    def pin_memory(self) -> Batch:
        """The batch in page-locked memory; the data loader calls this."""
        return self._each(lambda tensor: tensor.pin_memory())

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        changed: dict[str, Any] = {
            name: {key: change(item) for key, item in value.items()} if isinstance(value, dict) else change(value)
            for name, value in vars(self).items()
            if value is not None
        }
        return Batch(**changed)
