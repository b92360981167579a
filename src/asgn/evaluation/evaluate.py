"""Ask a model for every expression of a split and score its masks; it knows a callable, not the model."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgn.data.by_image import by_image
from asgn.data.types import Expression, Image, Mask, ReferringDataset
from asgn.errors import DataError
from asgn.evaluation.control import shuffled_phrases
from asgn.evaluation.metrics import SegmentationScores
from asgn.evaluation.record import FLAG_BY_MASK, ScoreRecord
from asgn.progress import Progress, silent

Masks = Sequence[Mask] | NDArray[np.bool_]

Predict = Callable[[Image, list[str]], Masks]
"""An image (H, W, 3) uint8 and P phrases to P masks (H, W) bool, in the order of the phrases. Every phrase gets a
mask: one that cannot be encoded gets an empty one."""

KeepMask = Callable[[Expression, Mask, bool | None], None]
"""Called with each scored expression, the mask (H, W) that was scored for it, and the no-target flag, if any."""


Gather = Callable[[list[Any]], list[Any]]
"""The lists of all processes, given one each, as a single one."""


@dataclass(frozen=True)
class Shard:
    """The part of a split that one of several processes evaluates: every n-th image."""

    process: int = 0
    processes: int = 1
    gather: Gather = list


WHOLE = Shard()


@dataclass(frozen=True)
class Answers:
    """What a model says to P phrases of one image."""

    masks: Masks
    """P masks (H, W) bool, as `Predict` gives them."""
    no_target: Sequence[bool] | None = None
    """P flags: whether the model says that the phrase means nothing here; without them, that its mask is empty."""


AnyPredict = Callable[[Image, list[str]], Masks | Answers]
"""`Predict`, or the same with flags."""


@dataclass(frozen=True, kw_only=True)
class Evaluation(ScoreRecord):
    """The scores of one model on one split, with all that is needed to know what they are scores of."""

    phrases_asked: int
    """Different phrases put to the model: those of the expressions, and those of the control."""
    predict_seconds: float
    """Time spent in the model, summed over processes; reading of images and scoring left out."""
    limit: int | None = None
    """Images taken of the split; None is all."""
    control: SegmentationScores | None = None
    """Scores of the masks for shuffled phrases, against each expression's own truth."""
    control_seed: int | None = None

    @property
    def seconds_per_image(self) -> float:
        """Mean time for an image with all its phrases."""
        return self.predict_seconds / self.images

    @property
    def seconds_per_phrase(self) -> float:
        """Mean time for a phrase, its share of encoding the image included."""
        return self.predict_seconds / self.phrases_asked

    def to_json(self) -> dict[str, Any]:
        """The scores in percent and everything else, as JSON values."""
        control = None
        if self.control is not None:
            control = {"phrases": "shuffled", "seed": self.control_seed, "scores": self.control.summary()}
        return {
            **super().to_json(),
            "control": control,
            "limit": self.limit,
            "seconds_per_image": self.seconds_per_image,
            "seconds_per_phrase": self.seconds_per_phrase,
            "phrases_asked": self.phrases_asked,
        }


def evaluate(
    predict: AnyPredict,
    dataset: ReferringDataset,
    *,
    protocol: str,
    no_target_flag: str = FLAG_BY_MASK,
    control_seed: int | None = None,
    limit: int | None = None,
    leak_stamp: str | None = None,
    keep_mask: KeepMask | None = None,
    shard: Shard = WHOLE,
    progress: Progress = silent,
) -> Evaluation:
    """Score `predict` over every sentence of the split, each at its image's own size (protocol section 5).

    Each image is read once and asked once, with all the different phrases that concern it.

    Args:
        predict: the model (see `Predict`); it may give `Answers`, whose flags count for `gres`.
        dataset: the split.
        protocol: the name under which `predict` makes its masks, `clean` or `reference`; it is recorded.
        no_target_flag: what flags are made from; it is recorded.
        control_seed: when given, the masks of phrases shuffled with it are scored too (`shuffled_phrases`).
        limit: score at most this many images, spread evenly over the split.
        leak_stamp: what is known of the model having seen these images in training; it is recorded.
        keep_mask: see `KeepMask`; the masks of shuffled phrases are not given to it.
        shard: the images that this process takes; the counts of all are brought together, as integers and in the
            data set's order, so that the scores do not depend on the number of processes.
        progress: see `Progress`; of this process's images.

    Raises:
        DataError: the split is empty, or an image or mask cannot be read.
        ValueError: `predict` gave another number of masks, or masks of another size.
    """
    groups = by_image(dataset.expressions, limit)
    if not groups:
        raise DataError(f"split {dataset.split!r} of {dataset.name!r} has no expressions to evaluate")
    shuffled = {} if control_seed is None else shuffled_phrases(dataset, control_seed)
    own, part, whole = groups[shard.process :: shard.processes], _Part(), _Part()
    for done, group in enumerate(own, start=1):
        part.score(predict, dataset, group, shuffled, keep_mask)
        progress(done, len(own))
    for each in shard.gather([part]):
        whole.merge(each)
    expressions = [item for group in groups for item in group]
    order = [item.sentence_id for item in expressions]
    return Evaluation.of(
        dataset,
        expressions,
        whole.scores.subset(order),
        protocol=protocol,
        no_target_flag=no_target_flag,
        phrases_asked=whole.asked,
        predict_seconds=whole.seconds,
        limit=limit,
        control=whole.control.subset(order) if shuffled else None,
        control_seed=control_seed,
        leak_stamp=leak_stamp,
    )


@dataclass
class _Part:
    """What one process has counted."""

    scores: SegmentationScores = field(default_factory=SegmentationScores)
    control: SegmentationScores = field(default_factory=SegmentationScores)
    asked: int = 0
    seconds: float = 0.0

    def score(
        self,
        predict: AnyPredict,
        dataset: ReferringDataset,
        group: Sequence[Expression],
        shuffled: Mapping[int, str],
        keep_mask: KeepMask | None,
    ) -> None:
        """Ask about one image: all expressions of it, and the shuffled phrase of each, if any."""
        image = dataset.image(group[0].image_id)
        wanted = [item.text for item in group] + [shuffled[item.sentence_id] for item in group if shuffled]
        phrases = list(dict.fromkeys(wanted))
        started = time.perf_counter()
        answers = dict(zip(phrases, _checked(predict(image, phrases), image, phrases), strict=True))
        self.seconds += time.perf_counter() - started
        self.asked += len(phrases)
        for item in group:
            truth = dataset.mask(item)
            self.scores.add(item.sentence_id, answers[item.text][0], truth, answers[item.text][1])
            if keep_mask is not None:
                keep_mask(item, *answers[item.text])
            if shuffled:
                self.control.add(item.sentence_id, answers[shuffled[item.sentence_id]][0], truth)

    def merge(self, other: "_Part") -> None:
        self.scores.merge(other.scores)
        self.control.merge(other.control)
        self.asked, self.seconds = self.asked + other.asked, self.seconds + other.seconds


def _checked(answer: Masks | Answers, image: Image, phrases: list[str]) -> list[tuple[Mask, bool | None]]:
    """Mask, at the image's size, and flag of each phrase."""
    answers = answer if isinstance(answer, Answers) else Answers(answer)
    shapes = [mask.shape for mask in answers.masks]
    if shapes != [image.shape[:2]] * len(phrases):
        raise ValueError(f"{len(phrases)} masks of {image.shape[:2]} were asked for, predict gave {shapes}")
    flags = [None] * len(phrases) if answers.no_target is None else map(bool, answers.no_target)
    return list(zip(answers.masks, flags, strict=True))
