"""What one phrase found in one image, and the way there from the network's logits."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from pycocotools import mask as coco_mask
from torch import Tensor

from asgn.data.files.masks import encode_rle
from asgn.data.transforms import crop_and_resize, resize_and_crop
from asgn.data.types import Mask
from asgn.errors import MissingExtraError, OutputError
from asgn.inference.encoded import EncodedImage
from asgn.inference.explain.explain import Why, explain
from asgn.inference.phrases.reader import Reading
from asgn.inference.results.overlay import draw_overlay
from asgn.inference.results.pictures import mask_picture, write_picture

THRESHOLD = 1e-9
"""A pixel belongs to the mask where its logit reaches this: probability one half (protocol section 5)."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What one phrase refers to in one image. A notebook shows it as an overlay."""

    phrase: str
    mask: Mask
    """(H, W) bool, at the image's own size; empty where nothing matches."""
    score: float
    """Mean of `prob` over the mask; 0 where the mask is empty."""
    presence: float
    """0..1: how likely what the phrase names is in the image at all (see `presence_scores`); 0 where the phrase cannot
    be answered."""
    reading: Reading
    """How the model read the phrase's words."""
    pixel_logits: Tensor = field(repr=False)
    """(S, S) logits over the network's square."""
    image: EncodedImage = field(repr=False)

    @property
    def found(self) -> bool:
        """Whether anything matches."""
        return bool(self.mask.any())

    @property
    def reason(self) -> str | None:
        """Why nothing was found: the phrase cannot be answered, or nothing matches; None where something was found."""
        if self.found:
            return None
        return self.reading.failure or f"nothing matches (presence {self.presence:.2f})"

    @property
    def remarks(self) -> list[str]:
        """What a person should be told of how the phrase was read, one sentence each."""
        return self.reading.remarks()

    @property
    def unknown(self) -> tuple[str, ...]:
        """Words of the phrase that the model does not know and could not read for others."""
        return tuple(self.reading.nearest)

    @property
    def cut(self) -> tuple[str, ...]:
        """Words after the twentieth, which were not read."""
        return self.reading.encoded.cut

    @property
    def read_as(self) -> Mapping[str, str]:
        """Words of the phrase that were read as others: slips, forms of known words, other names of the same thing."""
        return self.reading.read_as

    @cached_property
    def prob(self) -> NDArray[np.float32]:
        """(H, W) probability that a pixel belongs to the referent, whether or not anything matches.

        With a model that looks for the highest expected IoU, moved so that the mask begins at one half.
        """
        return probability(self.pixel_logits, *self.mask.shape)

    @cached_property
    def rle(self) -> dict[str, Any]:
        """The mask as pycocotools takes it: {"size": [H, W], "counts": str}."""
        return encode_rle(self.mask)

    @property
    def bbox(self) -> tuple[int, int, int, int]:
        """The mask's box: x, y, width and height in pixels; all 0 where it is empty."""
        x, y, width, height = (int(side) for side in coco_mask.toBbox(self.rle))
        return x, y, width, height

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values; docs/app.md describes every key."""
        return {
            "phrase": self.phrase,
            "score": float(self.score),
            "presence": float(self.presence),
            "area": int(np.count_nonzero(self.mask)),
            "unknown_words": list(self.unknown),
            "unseen_words": list(self.reading.unseen),
            "cut_words": list(self.cut),
            "read_as": dict(self.read_as),
            "bbox": list(self.bbox),
            "segmentation": self.rle,
            "found": self.found,
            "reason": self.reason,
            "remarks": self.remarks,
            "nearest_known": dict(self.reading.nearest),
        }

    def overlay(self) -> Pillow.Image:
        """The image with the mask in colour, above a legend. Raises OutputError where the pixels were not kept."""
        if self.image.pixels is None:
            raise OutputError("the image's pixels were not kept: encode it with keep_pixels=True")
        return draw_overlay(self.image.pixels, [self])

    def save(self, path: str | Path) -> None:
        """Write the mask as an 8 bit grey PNG of 0 and 255. Raises OutputError."""
        target = Path(path)
        if target.suffix.lower() != ".png":
            raise OutputError(f"a mask is saved as PNG, and {target.name} is another kind: call it {target.stem}.png")
        write_picture(target, self.to_pil())

    def explain(self) -> Why:
        """What each word does to the mask, the runner-up, and the word that would decide."""
        return explain(self.image.segmenter, self.image, self.phrase)

    def to_pil(self) -> Pillow.Image:
        """The mask as an 8 bit grey image of 0 and 255."""
        return mask_picture(self.mask)

    def to_supervision(self) -> Any:
        """The result as `supervision.Detections` of one object, or of none where nothing matches.

        Raises:
            MissingExtraError: supervision is not installed.
        """
        try:
            from supervision import Detections
        except ImportError as error:
            raise MissingExtraError("supervision", "supervision") from error
        if not self.found:
            return Detections.empty()
        x, y, width, height = self.bbox
        return Detections(
            xyxy=np.array([[x, y, x + width, y + height]], dtype=np.float32),
            mask=self.mask[None],
            confidence=np.array([self.score], dtype=np.float32),
            class_id=np.array([0]),
            data={"class_name": np.array([self.phrase])},
        )

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        (self.to_pil() if self.image.pixels is None else self.overlay()).save(file, "PNG")
        return file.getvalue()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The mask, not copied, for `np.asarray`."""
        return np.array(self.mask, dtype=dtype) if copy else np.asarray(self.mask, dtype=dtype)


def segmentations(
    image: EncodedImage,
    phrases: Sequence[str],
    readings: Sequence[Reading],
    logits: Tensor,
    presences: Sequence[float],
    threshold: float,
) -> list[Segmentation]:
    """The results of P phrases from their logits.

    Args:
        image: that they were asked about.
        phrases: as they were asked.
        readings: of the phrases.
        logits: (P, S, S) over the network's square.
        presences: of the phrases, from `presence_scores`.
        threshold: presence below which nothing matches, so that the mask is left empty.
    """
    masks = binarise(logits, image.height, image.width)
    results = []
    for phrase, reading, mask, presence, square in zip(phrases, readings, masks, presences, logits, strict=True):
        sure = presence * reading.certainty
        shown = mask if sure >= threshold and not reading.failure else np.zeros_like(mask)
        score = mean_probability(square) if shown.any() else 0.0
        results.append(Segmentation(phrase, shown, score, sure, reading, square, image))
    return results


def binarise(logits: Tensor, height: int, width: int) -> list[Mask]:
    """(P, S, S) logits to P masks (height, width): resize, then threshold."""
    return [(crop_and_resize(square, height, width) >= THRESHOLD).numpy() for square in logits]


def binarise_reference(logits: Tensor, height: int, width: int) -> list[Mask]:
    """(P, S, S) logits to P masks (height, width): threshold, then resize, keeping every touched pixel."""
    return [(resize_and_crop((square >= THRESHOLD).float(), height, width) > 0).numpy() for square in logits]


PROTOCOLS = {"clean": binarise, "reference": binarise_reference}
"""How masks are made of logits, by the name of the evaluation protocol."""


def probability(logits: Tensor, height: int, width: int) -> NDArray[np.float32]:
    """(S, S) logits to probabilities (height, width)."""
    prob: NDArray[np.float32] = torch.sigmoid(crop_and_resize(logits, height, width)).numpy()
    return prob


def mean_probability(logits: Tensor) -> float:
    """Mean probability over the foreground of (S, S) logits; 0 without any."""
    foreground = logits[logits >= THRESHOLD]
    return float(torch.sigmoid(foreground).mean()) if len(foreground) else 0.0
