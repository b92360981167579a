"""Why this answer: what each word does to the mask, what else was nearly meant, and the word that would settle it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from numpy.typing import NDArray

from asgn.data.expressions.colours import colour_name
from asgn.data.files.masks import iou
from asgn.data.transforms import placement_in_square
from asgn.data.vocabulary import MAX_WORDS, Encoded
from asgn.inference.encoded import EncodedImage, PhraseModel
from asgn.inference.explain.disambiguation import Settling, asked_with, distinguishing_words, settling_words
from asgn.inference.explain.regions import Region, two_regions

_HARDLY, _PARTLY = 0.9, 0.5


@dataclass(frozen=True)
class LeftOut:
    """What becomes of the answer when one word is left out."""

    word: str
    iou: float
    """Of the mask without the word with the mask of the whole phrase; 1 where both are empty."""
    presence: float
    """Of the phrase without the word."""
    presence_change: float
    """`presence` less that of the whole phrase."""

    def line(self) -> str:
        """The same for people."""
        moves = "hardly changes" if self.iou >= _HARDLY else "changes" if self.iou >= _PARTLY else "moves elsewhere"
        change = f"{self.presence - self.presence_change:.2f} -> {self.presence:.2f}"
        return f"without '{self.word}' the mask {moves} (IoU {self.iou:.2f}), presence {change}"


@dataclass(frozen=True)
class Why:
    """What made an answer, for one phrase and one image.

    Masks and probabilities are the network's own: presence and what sharpens outlines have no part in them.
    """

    left_out: tuple[LeftOut, ...]
    """One for each word, in order; none for a phrase of one word."""
    chosen: Region | None
    """Where the most probability lies; None where no region stands out."""
    runner_up: Region | None
    """Where the next most lies; None where no other region comes near."""
    settling: tuple[Settling, ...]
    """For either region, the added word that makes the phrase mean it clearly, if there is one."""

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {
            "left_out": [asdict(item) for item in self.left_out],
            "chosen": None if self.chosen is None else self.chosen.to_json(),
            "runner_up": None if self.runner_up is None else self.runner_up.to_json(),
            "settling": [asdict(item) for item in self.settling],
        }

    def lines(self) -> list[str]:
        """The same for people, one sentence each."""
        said = [item.line() for item in self.left_out]
        if self.chosen is None:
            return [*said, "no region stands out"]
        if self.runner_up is None:
            return [*said, f"chosen: {self.chosen.line()}; no other region comes near"]
        said += [f"chosen: {self.chosen.line()}", f"runner-up: {self.runner_up.line()}"]
        said += [f"to mean the {item.region} region, say '{item.phrase}'" for item in self.settling]
        return said if self.settling else [*said, "no word that the model knows would settle it"]


def explain(segmenter: PhraseModel, image: EncodedImage, phrase: str) -> Why:
    """Ask again without each word and with each word that may settle it: one batch over the features at hand.

    Raises:
        PhraseError: the phrase cannot be read.
    """
    words = segmenter.read_phrase(phrase).encoded.words
    shorter = [words[:place] + words[place + 1 :] for place in range(len(words))] if len(words) > 1 else []
    added = distinguishing_words(words, segmenter.vocabulary) if len(words) < MAX_WORDS else []
    longer = [asked_with(word, words) for word in added]
    encodings: list[Encoded] = [segmenter.vocabulary.encode_tokens(each) for each in [words, *shorter, *longer]]
    logits = segmenter.network_logits(image, encodings)
    presences = segmenter.presences(image, encodings, logits)
    probs = _in_image(torch.sigmoid(logits).numpy(), image)
    masks = _in_image((segmenter.at_threshold(image, encodings, logits) >= 0).numpy(), image)

    chosen, runner_up = two_regions(probs[0], image.height, image.width)
    settling: Sequence[Settling] = ()
    if chosen is not None and runner_up is not None:
        pixels = _in_image(image.square.numpy(), image).transpose(1, 2, 0)
        colours = [colour_name(pixels[region.where]) for region in (chosen, runner_up)]
        asked = dict(zip(added, probs[1 + len(shorter) :], strict=True))
        settling = settling_words(words, (chosen, runner_up), colours, probs[0], asked)
    return Why(
        left_out=tuple(
            LeftOut(word, iou(masks[place], masks[0]), presences[place], presences[place] - presences[0])
            for place, word in enumerate(words if shorter else (), start=1)
        ),
        chosen=chosen,
        runner_up=runner_up,
        settling=tuple(settling),
    )


def _in_image(squares: NDArray[Any], image: EncodedImage) -> NDArray[Any]:
    """The image's part of (..., S, S)."""
    place = placement_in_square(image.height, image.width, squares.shape[-1])
    inside: NDArray[Any] = squares[
        ..., place.top : place.top + place.height, place.left : place.left + place.width
    ]
    return inside
