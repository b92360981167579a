"""Ask a model for every expression of a split and score its masks; it knows a callable, not the model."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgn.data.by_image import by_image
from asgn.data.types import Expression, Image, Mask, ReferringDataset
from asgn.errors import DataError
from asgn.evaluation.control import shuffled_phrases
from asgn.evaluation.metrics import SegmentationScores

Predict = Callable[[Image, list[str]], Sequence[Mask] | NDArray[np.bool_]]
"""An image (H, W, 3) uint8 and P phrases to P masks (H, W) bool, in the order of the phrases. Every phrase gets a
mask: one that cannot be encoded gets an empty one."""

Progress = Callable[[int, int], None]
"""Called after each image with the images done and their total."""

KeepMask = Callable[[Expression, Mask], None]
"""Called with each scored expression and the mask (H, W) that was scored for it."""


Gather = Callable[[list[Any]], list[Any]]
"""The lists of all processes, given one each, as a single one."""


@dataclass(frozen=True)
class Share:
    """The part of a split that one of several processes evaluates: every so manieth image."""

    process: int = 0
    processes: int = 1
    gather: Gather = list


WHOLE = Share()


def versions() -> dict[str, str]:
    """The versions that a score depends on."""
    return {package: version(package) for package in ("asgn", "torch", "numpy")}


@dataclass(frozen=True)
class Evaluation:
    """The scores of one model on one split, with all that is needed to know what they are scores of."""

    scores: SegmentationScores
    protocol: str
    dataset: str
    split: str
    fingerprint: str
    images: int
    refs: int
    phrases_asked: int
    """Different phrases put to the model: those of the expressions, and those of the control."""
    predict_seconds: float
    """Time spent in the model, summed over processes; reading of images and scoring left out."""
    limit: int | None = None
    """Images taken of the split; None is all."""
    control: SegmentationScores | None = None
    """Scores of the masks for shuffled phrases, against each expression's own truth."""
    control_seed: int | None = None
    leak_stamp: str | None = None
    versions: Mapping[str, str] = field(default_factory=versions)

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
            "dataset": self.dataset,
            "split": self.split,
            "protocol": self.protocol,
            "scores": self.scores.summary(),
            "control": control,
            "images": self.images,
            "refs": self.refs,
            "expressions": len(self.scores),
            "limit": self.limit,
            "seconds_per_image": self.seconds_per_image,
            "seconds_per_phrase": self.seconds_per_phrase,
            "phrases_asked": self.phrases_asked,
            "leak_stamp": self.leak_stamp,
            "fingerprint": self.fingerprint,
            "versions": dict(self.versions),
        }


def evaluate(
    predict: Predict,
    dataset: ReferringDataset,
    *,
    protocol: str,
    control_seed: int | None = None,
    limit: int | None = None,
    leak_stamp: str | None = None,
    keep_mask: KeepMask | None = None,
    share: Share = WHOLE,
    progress: Progress | None = None,
) -> Evaluation:
    """Score `predict` over every sentence of the split, each at its image's own size (protocol section 5).

    Each image is read once and asked once, with all the different phrases that concern it.

    Args:
        predict: the model (see `Predict`).
        dataset: the split.
        protocol: the name under which `predict` makes its masks, `clean` or `reference`; it is recorded.
        control_seed: when given, the masks of phrases shuffled with this seed are scored too
            (`shuffled_phrases`).
        limit: score only so many images, spread evenly over the split.
        leak_stamp: what is known of the model having seen these images in training; it is recorded.
        keep_mask: see `KeepMask`; the masks of shuffled phrases are not given to it.
        share: the images that this process takes; the counts of all are brought together, as integers and in the
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
    scores, control = SegmentationScores(), SegmentationScores()
    asked, seconds = 0, 0.0
    own = groups[share.process :: share.processes]
    for done, group in enumerate(own, start=1):
        image = dataset.image(group[0].image_id)
        wanted = [item.text for item in group] + [shuffled[item.sentence_id] for item in group if shuffled]
        phrases = list(dict.fromkeys(wanted))
        started = time.perf_counter()
        masks = dict(zip(phrases, _checked(predict(image, phrases), image, phrases), strict=True))
        seconds += time.perf_counter() - started
        asked += len(phrases)
        for item in group:
            truth = dataset.mask(item)
            scores.add(item.sentence_id, masks[item.text], truth)
            if keep_mask is not None:
                keep_mask(item, masks[item.text])
            if shuffled:
                control.add(item.sentence_id, masks[shuffled[item.sentence_id]], truth)
        if progress is not None:
            progress(done, len(own))
    parts = share.gather([(scores, control, asked, seconds)])
    order = [item.sentence_id for group in groups for item in group]
    return Evaluation(
        scores=_merged([part[0] for part in parts]).subset(order),
        protocol=protocol,
        dataset=dataset.name,
        split=dataset.split,
        fingerprint=dataset.fingerprint(),
        images=len(groups),
        refs=len({item.ref_id for group in groups for item in group}),
        phrases_asked=sum(part[2] for part in parts),
        predict_seconds=sum(part[3] for part in parts),
        limit=limit,
        control=_merged([part[1] for part in parts]).subset(order) if shuffled else None,
        control_seed=control_seed,
        leak_stamp=leak_stamp,
    )


def _merged(parts: Sequence[SegmentationScores]) -> SegmentationScores:
    whole = SegmentationScores()
    for part in parts:
        whole.merge(part)
    return whole


def _checked(masks: Sequence[Mask] | NDArray[np.bool_], image: Image, phrases: list[str]) -> Sequence[Mask]:
    """The masks, one for each phrase and at the image's size."""
    shapes = [mask.shape for mask in masks]
    if shapes != [image.shape[:2]] * len(phrases):
        raise ValueError(f"{len(phrases)} masks of {image.shape[:2]} were asked for, predict gave {shapes}")
    return list(masks)
