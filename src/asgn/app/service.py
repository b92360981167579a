"""Pictures and phrases in, answers out: what the page and the HTTP API have in common.

A picture is known by the SHA-256 of its file, so whoever sends it again, or its id, finds it encoded.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image as Pillow

from asgn.app.limits import Limits, RefusalError
from asgn.data.files.images import image_size, load_image
from asgn.data.files.recent import RecentItems
from asgn.data.types import Image
from asgn.errors import PhraseError
from asgn.inference.encoded import EncodedImage
from asgn.inference.results.segmentation import Segmentation
from asgn.inference.segmenter import Segmenter

_NAME = "the picture"
_PREVIEW_SIDES = (640, 1280)
"""Smallest and largest longer side of the picture that the page shows, in pixels."""


@dataclass(frozen=True)
class Photograph:
    """A picture that was sent and encoded."""

    id: str
    """SHA-256 of the file, as hex digits."""
    encoded: EncodedImage = field(repr=False)
    preview: bytes = field(repr=False)
    """JPEG of the size that the page shows."""


@dataclass(frozen=True)
class PhraseAnswer:
    """What became of one phrase: a segmentation, or the reason why there is none."""

    phrase: str
    result: Segmentation | None
    error: str = ""


class SegmentService:
    """A model with the pictures that were asked about last. Used by one thread at a time."""

    def __init__(self, segmenter: Segmenter, limits: Limits) -> None:
        self.segmenter = segmenter
        self.limits = limits
        self._photographs: RecentItems[str, Photograph] = RecentItems(limits.picture_bytes)

    def receive(self, data: bytes) -> Photograph:
        """Read and encode a picture file, unless it is known already.

        Raises:
            RefusalError: 413, too many bytes or pixels.
            DataError: not an image, or a damaged one.
        """
        if len(data) > self.limits.file_bytes:
            raise RefusalError(413, self.limits.too_many_bytes)
        key = hashlib.sha256(data).hexdigest()
        known = self._photographs.get(key)
        if known is not None:
            return known
        height, width = image_size(data, _NAME)
        if height * width > self.limits.pixels:
            size, most = f"{width}x{height} pixels", self.limits.pixels / 1_000_000
            raise RefusalError(
                413, f"{_NAME} is too large ({size}): at most {most:g} megapixels; make it smaller first"
            )
        pixels = load_image(data, _NAME)
        photograph = Photograph(key, self.segmenter.encode(pixels, keep_pixels=False), _preview(pixels))
        self._photographs.put(key, photograph, _size(photograph))
        return photograph

    def recall(self, key: str) -> Photograph:
        """A picture received before. Raises RefusalError, 404, where it is not known any more."""
        known = self._photographs.get(key)
        if known is None:
            raise RefusalError(404, f"no picture {key[:80]!r} is known here (any more): send the file again")
        return known

    def answer(self, photograph: Photograph, phrases: Sequence[str]) -> list[PhraseAnswer]:
        """Segment every phrase; one that cannot be read does not keep the others from their answers.

        Raises:
            RefusalError: 422 for no phrase at all, 413 for too many.
        """
        listed = [phrase.strip().encode("utf-8", "replace").decode() for phrase in phrases]
        if not any(listed):
            raise RefusalError(422, "no phrase: say what to segment, such as 'left person', one phrase a line")
        if len(listed) > self.limits.phrases:
            raise RefusalError(413, f"{len(listed)} phrases are too many: at most {self.limits.phrases} at once")
        errors = {phrase: self._objection(phrase) for phrase in listed}
        readable = [phrase for phrase in dict.fromkeys(listed) if not errors[phrase]]
        results = dict(zip(readable, self.segmenter(photograph.encoded, readable), strict=True))
        return [PhraseAnswer(phrase, results.get(phrase), errors[phrase]) for phrase in listed]

    def _objection(self, phrase: str) -> str:
        """Why the model cannot read a phrase, or nothing."""
        most = self.limits.phrase_characters
        if len(phrase) > most:
            return f"a phrase of {len(phrase)} characters is too long: at most {most}; give the main words"
        try:
            self.segmenter.read_phrase(phrase)
        except PhraseError as error:
            return str(error)
        return ""


def _preview(pixels: Image) -> bytes:
    """The picture for the screen: large ones shrunk, small ones enlarged by a whole number."""
    smallest, largest = _PREVIEW_SIDES
    longest = max(pixels.shape[:2])
    picture = Pillow.fromarray(pixels)
    if longest > largest:
        picture.thumbnail((largest, largest), Pillow.Resampling.LANCZOS)
    elif longest < smallest:
        factor = -(-smallest // longest)
        picture = picture.resize((picture.width * factor, picture.height * factor), Pillow.Resampling.BICUBIC)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def _size(photograph: Photograph) -> int:
    """Bytes that a photograph keeps in memory."""
    features = photograph.encoded.features
    tensors = [*features.fusion, photograph.encoded.square]
    if features.semantic is not None:
        tensors.append(features.semantic)
    return sum(tensor.nbytes for tensor in tensors) + len(photograph.preview)


def preview_pixels(preview: bytes) -> Image:
    """The preview as an array (H, W, 3)."""
    return np.asarray(Pillow.open(io.BytesIO(preview)).convert("RGB"))
