"""`Segmenter`: an image and a phrase in, a mask out. The image is encoded once for all its phrases."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import overload

import torch
from torch import Tensor

from asgn.checkpoint import Model, ModelDescription
from asgn.data.files.images import ImageSource, load_image
from asgn.data.transforms import resize_and_pad_image
from asgn.data.types import Image, Mask
from asgn.data.vocabulary import Encoded, Vocabulary
from asgn.errors import PhraseError, UserError
from asgn.inference.backend import Backend, TorchBackend
from asgn.inference.densecrf import refine_logits, require_densecrf
from asgn.inference.encoded import EncodedImage
from asgn.inference.phrases.look_alikes import of_other_kinds
from asgn.inference.phrases.reader import Reading, WordReader, writable
from asgn.inference.presence import DEFAULT_THRESHOLD, DOUBTFUL, presence_among, presence_scores
from asgn.inference.results.expected_iou import centre_logits
from asgn.inference.results.guided import guide_logits
from asgn.inference.results.pieces import drop_small_pieces
from asgn.inference.results.segmentation import PROTOCOLS, Segmentation, segmentations
from asgn.inference.sharing import hub


class Segmenter:
    """A trained model put to use; `asgn.load` makes one of a name.

    Args:
        model: with its network, or its description alone where a backend is given.
        device: to which the network is moved; None leaves it where it is.
        densecrf: sharpen masks along the image's edges.
        backend: what runs the networks, in the place of PyTorch.

    Raises:
        MissingExtraError: dense CRF is asked for and not installed.
    """

    def __init__(
        self,
        model: Model | ModelDescription,
        device: str | torch.device | None = None,
        densecrf: bool = False,
        backend: Backend | None = None,
    ) -> None:
        if densecrf:
            require_densecrf()
        if backend is None:
            if not isinstance(model, Model):
                raise TypeError("a description holds no network: give a backend")
            backend = TorchBackend(model.generator, device)
        self.model = model
        self.backend = backend
        self.densecrf = densecrf
        self.words = WordReader(model.vocabulary)

    @overload
    def __call__(self, image: EncodedImage | ImageSource, phrases: str) -> Segmentation: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, image: EncodedImage | ImageSource, phrases: Sequence[str]) -> list[Segmentation]: ...
    def __call__(
        self, image: EncodedImage | ImageSource, phrases: str | Sequence[str]
    ) -> Segmentation | list[Segmentation]:
        """The result of one phrase, or the results of several, at the image's size; empty where nothing matches.

        Args:
            image: encoded, or any source that `load_image` takes.
            phrases: one, or any number of them.

        Raises:
            PhraseError: a phrase is no text, is empty, has over 100 words, or names nothing that the model knows.
            DataError: the image cannot be read.
        """
        listed = _listed(phrases)
        readings = [self.read_phrase(phrase) for phrase in listed]
        encoded = image if isinstance(image, EncodedImage) else self.encode(image)
        results = self._answer(encoded, listed, readings) if listed else []
        return results[0] if isinstance(phrases, str) else results

    def stream(
        self, images: Iterable[ImageSource], phrases: str | Sequence[str]
    ) -> Iterator[tuple[ImageSource, Segmentation | list[Segmentation]]]:
        """Each image with its results; the next one is read and encoded meanwhile, and no third is held.

        Raises:
            PhraseError, DataError: as a call; the images before a bad one are answered.
        """
        for phrase in _listed(phrases):
            self.read_phrase(phrase)
        with ThreadPoolExecutor(1, "asgn-encode") as pool:
            ahead: tuple[ImageSource, Future[EncodedImage]] | None = None
            for image in images:
                following = image, pool.submit(self.encode, image)
                if ahead is not None:
                    yield ahead[0], self(ahead[1].result(), phrases)
                ahead = following
            if ahead is not None:
                yield ahead[0], self(ahead[1].result(), phrases)

    def encode(self, image: ImageSource, keep_pixels: bool = True) -> EncodedImage:
        """Compute an image's features, once for any number of phrases.

        Args:
            image: any source that `load_image` takes.
            keep_pixels: hold the image for overlays.

        Raises:
            DataError: it cannot be read.
        """
        pixels = load_image(image)
        square = resize_and_pad_image(torch.from_numpy(pixels).permute(2, 0, 1), self.model.config.image_size)
        features = self.backend.encode(square.unsqueeze(0))
        return EncodedImage(
            features, square, pixels.shape[0], pixels.shape[1], pixels if keep_pixels else None, self
        )

    @property
    def vocabulary(self) -> Vocabulary:
        """The words the model knows."""
        return self.model.vocabulary

    @property
    def presence_threshold(self) -> float:
        """The presence score below which nothing matches: the model's own, or a default where it has none."""
        return DEFAULT_THRESHOLD if self.model.presence is None else self.model.presence.threshold

    def read_phrase(self, phrase: str) -> Reading:
        """Read a phrase as `WordReader` does. Raises PhraseError for what cannot mean anything to the model."""
        return self.words.read(phrase)

    def _answer(
        self, encoded: EncodedImage, phrases: Sequence[str], readings: Sequence[Reading]
    ) -> list[Segmentation]:
        encodings = [reading.encoded for reading in readings]
        raw = self.network_logits(encoded, encodings)
        presences = self.presences(encoded, encodings, raw)
        logits = self.finish_logits(encoded, encodings, raw)
        return segmentations(encoded, phrases, readings, logits, presences, self.presence_threshold)

    def pixel_logits(self, encoded: EncodedImage, encodings: Sequence[Encoded]) -> Tensor:
        """Logits (P, S, S) of P phrases over the network's square, on the CPU, with masks where they are at least 0.

        Sharpened, moved to each phrase's threshold and without small pieces where the model asks for that.
        """
        return self.finish_logits(encoded, encodings, self.network_logits(encoded, encodings))

    def network_logits(self, encoded: EncodedImage, encodings: Sequence[Encoded]) -> Tensor:
        """As `pixel_logits`, as the network gives them."""
        tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(e.ids) for e in encodings], batch_first=True)
        lengths = torch.tensor([len(encoding.ids) for encoding in encodings])
        return self.backend.logits(encoded.features, tokens, lengths)

    def presences(self, encoded: EncodedImage, encodings: Sequence[Encoded], logits: Tensor) -> list[float]:
        """Presence scores of P phrases from their network's logits; doubtful ones are weighed against look-alikes."""
        size = encoded.height, encoded.width
        plain = presence_scores(logits, *size)
        least, most = DOUBTFUL
        others = [
            of_other_kinds(encoding.words, self.vocabulary) if least <= score < most else []
            for encoding, score in zip(encodings, plain, strict=True)
        ]
        rows = {phrase: row for row, phrase in enumerate(dict.fromkeys(chain.from_iterable(others)))}
        if not rows:
            return plain
        found = self.network_logits(encoded, [self.vocabulary.encode_tokens(phrase) for phrase in rows])
        return [
            presence_among(square, found[[rows[phrase] for phrase in rivals]], *size) if rivals else score
            for score, square, rivals in zip(plain, logits, others, strict=True)
        ]

    def finish_logits(self, encoded: EncodedImage, encodings: Sequence[Encoded], logits: Tensor) -> Tensor:
        """What `pixel_logits` makes of `network_logits`."""
        return self.at_threshold(encoded, encodings, self._sharpened(encoded, logits))

    def at_threshold(self, encoded: EncodedImage, encodings: Sequence[Encoded], logits: Tensor) -> Tensor:
        """Logits (P, S, S) moved so that the model's masks are where they are at least 0."""
        if self.model.config.mask_threshold == "expected-iou":
            logits = centre_logits(logits, encoded.height, encoded.width)
        if self.model.config.pieces == "large":
            logits = drop_small_pieces(logits, [encoding.words for encoding in encodings])
        return logits

    def _sharpened(self, encoded: EncodedImage, logits: Tensor) -> Tensor:
        if self.model.config.outlines == "image":
            logits = guide_logits(logits, encoded.square)
        if not self.densecrf:
            return logits
        picture = encoded.square.permute(1, 2, 0).numpy()
        return torch.stack([torch.from_numpy(refine_logits(one.numpy(), picture)) for one in logits])

    def predict_masks(self, image: Image, phrases: Sequence[str], protocol: str = "clean") -> list[Mask]:
        """Masks of a data set's phrases, which are taken as they come: unknown words included, long ones cut.

        `reference` binarises in the network's square before it resizes, as the base code did; `clean` resizes the
        logits first (protocol section 5). Neither asks whether the phrase's object is present.

        Raises:
            UserError: the protocol is unknown.
        """
        return self._predicted(image, phrases, protocol)[0]

    def predict(
        self, image: Image, phrases: Sequence[str], protocol: str = "clean"
    ) -> tuple[list[Mask], list[float]]:
        """As `predict_masks`, and each phrase's presence, which no mask depends on."""
        masks, encoded, encodings, raw = self._predicted(image, phrases, protocol)
        return masks, self.presences(encoded, encodings, raw)

    def _predicted(
        self, image: Image, phrases: Sequence[str], protocol: str
    ) -> tuple[list[Mask], EncodedImage, list[Encoded], Tensor]:
        """Masks, and what presences are taken from."""
        if protocol not in PROTOCOLS:
            raise UserError(f"unknown protocol {protocol!r}: choose {' or '.join(PROTOCOLS)}")
        encoded = self.encode(image)
        encodings = [self.vocabulary.encode(phrase) for phrase in phrases]
        raw = self.network_logits(encoded, encodings)
        masks = PROTOCOLS[protocol](self.finish_logits(encoded, encodings, raw), encoded.height, encoded.width)
        return masks, encoded, encodings, raw

    def save_pretrained(self, folder: str | Path, half_precision: bool = False) -> None:
        """Write checkpoint, description and model card into a folder (see `hub`).

        Raises:
            OutputError: the folder cannot be written to.
            UserError: the model is an exported one.
        """
        hub.save_pretrained(self._checkpoint(), Path(folder), half_precision)

    def push_to_hub(self, repo_id: str, private: bool = False, half_precision: bool = False) -> str:
        """Upload them to OWNER/NAME on huggingface.co and give the commit's address (see `hub`).

        Raises:
            MissingExtraError: huggingface_hub is not installed.
            OutputError: the upload failed.
            UserError: the model is an exported one.
        """
        return hub.push_to_hub(self._checkpoint(), repo_id, private=private, half_precision=half_precision)

    def _checkpoint(self) -> Model:
        if not isinstance(self.model, Model):
            raise UserError("an exported model cannot be made a checkpoint again: copy its folder or save the original")
        return self.model


def _listed(phrases: str | Sequence[str]) -> list[str]:
    """The phrases as writable texts. Raises PhraseError for anything else."""
    listed = [phrases] if isinstance(phrases, str | bytes) or not isinstance(phrases, Iterable) else list(phrases)
    for phrase in listed:
        if not isinstance(phrase, str):
            raise PhraseError(f"a phrase is text, not {type(phrase).__name__}: give words such as 'left person'")
    return [writable(phrase) for phrase in listed]
