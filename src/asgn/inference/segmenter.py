"""`Segmenter`: a photograph and a phrase in, a mask out. The photograph is encoded once for all its phrases."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from asgn.checkpoint import Model, load_model
from asgn.data.files.images import ImageSource, load_image
from asgn.data.transforms import resize_and_pad_image
from asgn.data.types import Image, Mask
from asgn.data.vocabulary import Encoded, Vocabulary
from asgn.inference.densecrf import refine_logits, require_densecrf
from asgn.inference.phrases.reader import Reading, WordReader, writable
from asgn.inference.results.presence import DEFAULT_THRESHOLD, presence_scores
from asgn.inference.results.segmentation import Segmentation, binarise, binarise_reference, segmentations
from asgn.inference.sharing import hub
from asgn.models.generator import ImageFeatures


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
        self.words = WordReader(model.vocabulary)

    @classmethod
    def load(cls, path: str | Path, device: str | torch.device = "cpu", densecrf: bool = False) -> "Segmenter":
        """Load a checkpoint file or a run's folder.

        Raises:
            CheckpointError: nothing is there, or it is damaged.
            MissingExtraError: dense CRF is asked for and not installed.
        """
        return cls(load_model(Path(path)), device, densecrf)

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        device: str | torch.device = "cpu",
        densecrf: bool = False,
        revision: str | None = None,
    ) -> "Segmenter":
        """Load a checkpoint file, a folder, or a repository OWNER/NAME of huggingface.co, downloaded once.

        Raises:
            CheckpointError: nothing is there, it is damaged, or the network failed.
            MissingExtraError: huggingface_hub is needed, or dense CRF asked for, and not installed.
        """
        return cls.load(hub.fetch_pretrained(name, revision), device, densecrf)

    def save_pretrained(self, folder: str | Path, half_precision: bool = False) -> None:
        """Write checkpoint, description and model card into a folder (see `hub`). Raises OutputError."""
        hub.save_pretrained(self.model, Path(folder), half_precision)

    def push_to_hub(self, repo_id: str, private: bool = False, half_precision: bool = False) -> str:
        """Upload them to OWNER/NAME on huggingface.co and give the commit's address (see `hub`).

        Raises:
            MissingExtraError: huggingface_hub is not installed.
            OutputError: the upload failed.
        """
        return hub.push_to_hub(self.model, repo_id, private=private, half_precision=half_precision)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words the model knows."""
        return self.model.vocabulary

    @property
    def presence_threshold(self) -> float:
        """The presence score below which nothing matches: the model's own, or a default where it has none."""
        return DEFAULT_THRESHOLD if self.model.presence is None else self.model.presence.threshold

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
        """The mask of each phrase, at the photograph's size; empty where nothing matches.

        Raises:
            PhraseError: a phrase is empty, longer than 100 words, or names nothing that the model knows.
            DataError: the image cannot be read.
        """
        listed = [writable(phrase) for phrase in ([phrases] if isinstance(phrases, str) else phrases)]
        readings = [self.read_phrase(phrase) for phrase in listed]
        encoded = image if isinstance(image, EncodedImage) else self.encode(image)
        if not listed:
            return []
        raw = self.network_logits(encoded, [reading.encoded for reading in readings])
        size = encoded.height, encoded.width
        presences = presence_scores(raw, *size)
        logits = self._sharpened(encoded, raw)
        return segmentations(listed, readings, logits, presences, self.presence_threshold, size)

    def read_phrase(self, phrase: str) -> Reading:
        """Read a phrase as `WordReader` does. Raises PhraseError for what cannot mean anything to the model."""
        return self.words.read(phrase)

    def pixel_logits(self, encoded: EncodedImage, encodings: Sequence[Encoded]) -> Tensor:
        """Logits (P, S, S) of P phrases over the network's square, on the CPU, sharpened where that is asked for."""
        return self._sharpened(encoded, self.network_logits(encoded, encodings))

    @torch.inference_mode()
    def network_logits(self, encoded: EncodedImage, encodings: Sequence[Encoded]) -> Tensor:
        """As `pixel_logits`, never sharpened."""
        tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(e.ids) for e in encodings], batch_first=True)
        lengths = torch.tensor([len(encoding.ids) for encoding in encodings])
        grid = self.generator.decode(encoded.features, tokens.to(self.device), lengths.to(self.device))
        pixels: Tensor = self.generator.upsample(grid)
        return pixels.squeeze(1).float().cpu()

    def _sharpened(self, encoded: EncodedImage, logits: Tensor) -> Tensor:
        if not self.densecrf:
            return logits
        picture = encoded.square.permute(1, 2, 0).numpy()
        return torch.stack([torch.from_numpy(refine_logits(one.numpy(), picture)) for one in logits])

    def predict_masks(self, image: Image, phrases: Sequence[str], protocol: str = "clean") -> list[Mask]:
        """Masks of a data set's phrases, which are taken as they come: unknown words included, long ones cut.

        `reference` binarises in the network's square before it resizes, as the base code did; `clean` resizes the
        logits first (protocol section 5). Neither asks whether the phrase's object is present.
        """
        encoded = self.encode(image)
        logits = self.pixel_logits(encoded, [self.vocabulary.encode(phrase) for phrase in phrases])
        make = binarise if protocol == "clean" else binarise_reference
        return make(logits, encoded.height, encoded.width)


def _channels_first(pixels: Image) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)
