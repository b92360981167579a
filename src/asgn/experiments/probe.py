"""Can a model's answers be trusted? It is asked for sides of pairs, and for what is not there."""

from dataclasses import dataclass
from typing import Any

from asgn.checkpoint import PresenceCalibration
from asgn.data.types import Image, ReferringDataset
from asgn.evaluation.probes.absence import PRESENT, RatedPhrases, rate_phrases
from asgn.evaluation.probes.binomial import Share
from asgn.evaluation.probes.spatial_probe import score_sides, side_questions
from asgn.experiments.runs.assembly import data_description
from asgn.experiments.runs.leaks import leak_stamp_of
from asgn.inference.results.segmentation import binarise
from asgn.inference.segmenter import Segmenter
from asgn.progress import Progress, silent


@dataclass(frozen=True)
class Probe:
    """What a model was asked on a split, and how it answered."""

    sides: dict[str, Share]
    """By side, how often the object meant was chosen of two."""
    phrases: RatedPhrases
    """Presence scores of present and absent phrases."""
    threshold: float
    """The model's own presence threshold."""
    leak_stamp: str

    @property
    def all_sides(self) -> Share:
        """All four together."""
        return sum(self.sides.values(), Share(0, 0))

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values, shares in percent."""
        return {
            "sides": {side: share.to_json() for side, share in (self.sides | {"all": self.all_sides}).items()},
            "presence": self.phrases.summary(self.threshold),
            "presence_fitted": self.phrases.summary(self.phrases.fitted_threshold()),
            "presence_held_out_balanced_accuracy": self.phrases.held_out_accuracy(),
            "leak_stamp": self.leak_stamp,
        }


def probe(
    segmenter: Segmenter, data: ReferringDataset, limit: int | None = None, progress: Progress = silent
) -> Probe:
    """Ask a model for sides (see `side_questions`) and for absent things (see `rate_phrases`).

    `limit` takes at most this many images for the absent things. Raises DataError where the split has no annotated
    objects.
    """
    sides = score_sides(segmenter.predict_masks, data, side_questions(data), progress)
    phrases = rate_phrases(
        lambda image, asked: presences(segmenter, image, asked), data, limit=limit, progress=progress
    )
    return Probe(sides, phrases, segmenter.presence_threshold, leak_stamp_of(segmenter.model, data))


def presences(segmenter: Segmenter, image: Image, phrases: list[str]) -> list[float]:
    """Presence scores of a data set's phrases, taken as they come; 0 where the mask is empty whatever the threshold."""
    encoded = segmenter.encode(image)
    encodings = [segmenter.vocabulary.encode(phrase) for phrase in phrases]
    logits = segmenter.network_logits(encoded, encodings)
    masks = binarise(segmenter.at_threshold(encoded, encodings, logits), encoded.height, encoded.width)
    scores = zip(segmenter.presences(encoded, encodings, logits), masks, strict=True)
    return [score if mask.any() else 0.0 for score, mask in scores]


def calibrate_presence(phrases: RatedPhrases, data: ReferringDataset) -> PresenceCalibration:
    """The presence threshold fitted to a split, with what to expect of it elsewhere."""
    present = phrases.kinds.count(PRESENT)
    held_out = phrases.held_out_accuracy()
    threshold = phrases.fitted_threshold()
    return PresenceCalibration(
        threshold=threshold,
        balanced_accuracy=phrases.balanced_accuracy(threshold) if held_out is None else held_out,
        present=present,
        absent=len(phrases.kinds) - present,
        data=data_description(data),
    )
