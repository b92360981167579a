"""`Segmenter`: a photograph and a phrase in, a mask out. The photograph is encoded once for all its phrases."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asgn.checkpoint import Model, load_model
from asgn.data.images import ImageSource, load_image
from asgn.data.sample import Image, Mask
from asgn.data.transforms import crop_and_resize, resize_and_crop, resize_and_pad_image
from asgn.data.vocabulary import MAX_WORDS, Encoded, Vocabulary
from asgn.errors import PhraseError
from asgn.inference.densecrf import refine_logits, require_densecrf
from asgn.models.generator import ImageFeatures

THRESHOLD = 1e-9
"""A pixel belongs to the mask where its logit reaches this: probability one half (protocol section 5)."""

LONGEST_PHRASE = 100
"""Words beyond which a phrase is taken for a mistake rather than cut."""


@dataclass(frozen=True)
class Segmentation:
    """What one phrase refers to in one photograph."""

    phrase: str
    mask: Mask
    """(H, W) bool, at the photograph's own size."""
    score: float
    """Mean probability over the mask; 0 where the mask is empty."""
    unknown: tuple[str, ...]
    """Words of the phrase that the model has never seen."""
    cut: tuple[str, ...]
    """Words behind the twentieth, which were not read."""
    pixel_logits: Tensor = field(repr=False)
    """(S, S) logits over the network's square."""

    @property
    def prob(self) -> NDArray[np.float32]:
        """(H, W) probability that a pixel belongs to the referent, computed when asked for."""
        logits = crop_and_resize(self.pixel_logits, *self.mask.shape)
        prob: NDArray[np.float32] = torch.sigmoid(logits).numpy()
        return prob


@dataclass(frozen=True)
class EncodedImage:
    """A photograph's features, ready for any number of phrases."""

    features: ImageFeatures
    square: Tensor
    """(3, S, S) uint8, what the network saw."""
    height: int
    width: int
    segmenter: "Segmenter" = field(repr=False)

    def segment(self, phrase: str) -> Segmentation:
        """The mask of one phrase. Raises PhraseError where the phrase cannot be read."""
        return self.segmenter.segment(self, [phrase])[0]


class Segmenter:
    """A trained model put to use on one device, with or without dense CRF behind it."""

    def __init__(self, model: Model, device: str | torch.device = "cpu", densecrf: bool = False) -> None:
        if densecrf:
            require_densecrf()
        self.densecrf = densecrf
        self.model = model
        self.device = torch.device(device)
        self.generator = model.generator.to(self.device).eval()

    @classmethod
    def load(
        cls, path: str | Path, device: str | torch.device = "cpu", densecrf: bool = False
    ) -> "Segmenter":
        """Load a checkpoint file or a run's folder.

        Raises:
            CheckpointError: nothing is there, or it is damaged.
            MissingExtraError: dense CRF is asked for and not installed.
        """
        return cls(load_model(Path(path)), device, densecrf)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words the model knows."""
        return self.model.vocabulary

    def encode(self, image: ImageSource) -> EncodedImage:
        """Compute a photograph's features, once.

        `image` is a path, a PIL image, or an array (H, W), (H, W, 3) or (H, W, 4); see `load_image`. Raises
        DataError where it cannot be read.
        """
        pixels = load_image(image)
        with torch.inference_mode():
            square = resize_and_pad_image(_channels_first(pixels), self.model.config.image_size)
            features = self.generator.encode(square.unsqueeze(0).to(self.device))
        return EncodedImage(features, square, pixels.shape[0], pixels.shape[1], self)

    def segment(self, image: EncodedImage | ImageSource, phrases: str | Sequence[str]) -> list[Segmentation]:
        """The mask of each phrase, at the photograph's size.

        Raises:
            PhraseError: a phrase is empty, longer than 100 words, or of unknown words only.
            DataError: the image cannot be read.
        """
        listed = [phrases] if isinstance(phrases, str) else list(phrases)
        encodings = [self.read_phrase(phrase) for phrase in listed]
        encoded = image if isinstance(image, EncodedImage) else self.encode(image)
        if not listed:
            return []
        logits = self.pixel_logits(encoded, encodings)
        masks = binarise(logits, encoded.height, encoded.width)
        scores = _mean_probability(logits)
        return [
            Segmentation(phrase, mask, score if mask.any() else 0.0, encoding.unknown, encoding.cut, square)
            for phrase, encoding, mask, score, square in zip(listed, encodings, masks, scores, logits, strict=True)
        ]

    def read_phrase(self, phrase: str) -> Encoded:
        """Encode a phrase, refusing what cannot mean anything to the model (see `segment`)."""
        encoding = self.vocabulary.encode(phrase)
        if not encoding.words:
            raise PhraseError(f"the phrase {phrase!r} holds no word: say what to segment, such as 'left person'")
        words = len(encoding.words) + len(encoding.cut)
        if words > LONGEST_PHRASE:
            raise PhraseError(f"a phrase of {words} words is too long: only {MAX_WORDS} are read; give the main ones")
        if len(encoding.unknown) == len(encoding.words):
            raise PhraseError(f"no word of the phrase {phrase!r} is known to the model{self._suggestion(encoding)}")
        return encoding

    def _suggestion(self, encoding: Encoded) -> str:
        near = {
            match
            for word in encoding.unknown
            for match in difflib.get_close_matches(word, self.vocabulary.words, n=1, cutoff=0.75)
        }
        return f"; did you mean {', '.join(sorted(near))}?" if near else ": use other words"

    @torch.inference_mode()
    def pixel_logits(self, encoded: EncodedImage, encodings: Sequence[Encoded]) -> Tensor:
        """Logits (P, S, S) of P phrases over the network's square, on the CPU."""
        tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(e.ids) for e in encodings], batch_first=True)
        lengths = torch.tensor([len(encoding.ids) for encoding in encodings])
        grid = self.generator.decode(encoded.features, tokens.to(self.device), lengths.to(self.device))
        pixels: Tensor = self.generator.upsample(grid)
        logits = pixels.squeeze(1).float().cpu()
        if not self.densecrf:
            return logits
        picture = encoded.square.permute(1, 2, 0).numpy()
        return torch.stack([torch.from_numpy(refine_logits(one.numpy(), picture)) for one in logits])

    def predict_masks(self, image: Image, phrases: Sequence[str], protocol: str = "clean") -> list[Mask]:
        """Masks of a data set's phrases, which are taken as they come: unknown words included, long ones cut.

        `reference` binarises in the network's square before it resizes, as the base code did; `clean` resizes the
        logits first (protocol section 5).
        """
        encoded = self.encode(image)
        logits = self.pixel_logits(encoded, [self.vocabulary.encode(phrase) for phrase in phrases])
        make = binarise if protocol == "clean" else binarise_reference
        return make(logits, encoded.height, encoded.width)


def binarise(logits: Tensor, height: int, width: int) -> list[Mask]:
    """(P, S, S) logits to P masks (height, width): resize, then threshold."""
    return [(crop_and_resize(square, height, width) >= THRESHOLD).numpy() for square in logits]


def binarise_reference(logits: Tensor, height: int, width: int) -> list[Mask]:
    """(P, S, S) logits to P masks (height, width): threshold, then resize, keeping every touched pixel."""
    return [(resize_and_crop((square >= THRESHOLD).float(), height, width) > 0).numpy() for square in logits]


def _mean_probability(logits: Tensor) -> list[float]:
    """Mean probability over each phrase's foreground, (P, S, S) to P numbers."""
    foreground = logits >= THRESHOLD
    total = (torch.sigmoid(logits) * foreground).sum(dim=(1, 2))
    return [float(score) for score in total / foreground.sum(dim=(1, 2)).clamp(min=1)]


def _channels_first(pixels: Image) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)
