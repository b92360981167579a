"""Does a model say so when what a phrase names is not in the image?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from asgn.data.photographs.absent_phrases import AbsentPhrases
from asgn.data.types import Image, ReferringDataset
from asgn.errors import DataError
from asgn.evaluation.probes.binomial import Share
from asgn.evaluation.probes.spatial_probe import instances_of
from asgn.progress import Progress, silent

Rate = Callable[[Image, list[str]], Sequence[float]]
"""An image (H, W, 3) uint8 and P phrases to P presence scores, 0 for a phrase that gets an empty mask anyway."""

PRESENT = "present"
_FOLDS = 2
_LEAST_SCORE = 1e-4
_SLOPE_PENALTY = 1e-3
"""Keeps the line finite where a threshold parts the kinds without a mistake."""


@dataclass(frozen=True)
class RatedPhrases:
    """Presence scores of N phrases."""

    scores: NDArray[np.float64]
    """(N,)"""
    image_ids: NDArray[np.int64]
    """(N,)"""
    kinds: tuple[str, ...]
    """N of them: `present`, or what an absent phrase gets wrong (see `AbsentKind`)."""

    @property
    def is_present(self) -> NDArray[np.bool_]:
        """(N,) whether something in the image is meant."""
        return np.array([kind == PRESENT for kind in self.kinds], dtype=bool)

    def shares(self, threshold: float) -> dict[str, Share]:
        """By kind, how often the answer is right: present phrases at the threshold or above, absent ones below."""
        right = (self.scores >= threshold) == self.is_present
        kinds = np.array(self.kinds)
        return {kind: Share(int(right[kinds == kind].sum()), int((kinds == kind).sum())) for kind in sorted(set(kinds))}

    def balanced_accuracy(self, threshold: float) -> float:
        """Mean of the share of present phrases at the threshold or above and of absent ones below, in percent."""
        return _balanced(self.scores, self.is_present, threshold)

    def fitted_threshold(self) -> float:
        """The score from which presence is likelier than absence, both kinds of phrases weighing alike.

        By a logistic regression on the score's log-odds: the threshold of the highest balanced accuracy leaps about
        with single phrases, and is worse on other images.
        """
        return _fitted_threshold(self.scores, self.is_present)

    def held_out_accuracy(self) -> float | None:
        """Balanced accuracy, in percent, where either half of the images is judged by the other half's threshold.

        A threshold flatters itself on the phrases that it was fitted to. None where a half lacks either kind.
        """
        images = np.unique(self.image_ids)
        halves = [np.isin(self.image_ids, images[fold::_FOLDS]) for fold in range(_FOLDS)]
        present = self.is_present
        if any(len(set(present[half])) < 2 for half in halves):
            return None
        right = np.zeros(len(self.scores), dtype=bool)
        for half in halves:
            threshold = _fitted_threshold(self.scores[~half], present[~half])
            right[half] = (self.scores[half] >= threshold) == present[half]
        return float(50 * right[present].mean() + 50 * right[~present].mean())

    def summary(self, threshold: float) -> dict[str, Any]:
        """Everything at one threshold, as JSON values."""
        shares = {kind: share.to_json() for kind, share in self.shares(threshold).items()}
        return {"threshold": threshold, "balanced_accuracy": self.balanced_accuracy(threshold), "kinds": shares}


def rate_phrases(
    rate: Rate, dataset: ReferringDataset, *, seed: int = 0, limit: int | None = None, progress: Progress = silent
) -> RatedPhrases:
    """Ask for what is in each image of a split, and for as much that is not.

    Present phrases are the split's own; absent ones are made from its annotations (see `AbsentPhrases`), as many for a
    image as it has others. The split's own absent phrases are left out: whether they are surely absent is not
    known, and the made ones are alike for every model. An image of which nothing is surely absent is left out.

    Args:
        rate: the model.
        dataset: the split; it needs annotated objects.
        seed: of the absent phrases.
        limit: take at most this many images, spread evenly over the split.
        progress: called after each image with those done and their total.

    Raises:
        DataError: the data set has no annotated objects, or nothing can be asked.
    """
    absent = AbsentPhrases(instances_of(dataset))
    texts: dict[int, dict[str, None]] = {}
    for expression in dataset.expressions:
        if expression.annotation_ids:
            texts.setdefault(expression.image_id, {})[expression.text] = None
    images = list(texts)
    if limit is not None and limit < len(images):
        images = [images[index * len(images) // limit] for index in range(limit)]
    scores: list[float] = []
    kinds: list[str] = []
    image_ids: list[int] = []
    for done, image_id in enumerate(images, start=1):
        asked = _questions(absent, dataset, image_id, texts[image_id], seed)
        if asked:
            scores += rate(dataset.image(image_id), list(asked))
            kinds += asked.values()
            image_ids += [image_id] * len(asked)
        progress(done, len(images))
    if not scores:
        raise DataError(f"in no image of split {dataset.split!r} of {dataset.name!r} is anything surely absent")
    return RatedPhrases(np.array(scores, dtype=np.float64), np.array(image_ids, dtype=np.int64), tuple(kinds))


def _questions(
    absent: AbsentPhrases, dataset: ReferringDataset, image_id: int, present: Mapping[str, None], seed: int
) -> dict[str, str]:
    """By phrase, its kind; none where no phrase is surely absent."""
    made = absent.of_image(image_id, dataset.image(image_id), len(present), seed)
    untrue = {text: kind for text, kind in made if text not in present}
    return dict.fromkeys(present, PRESENT) | untrue if untrue else {}


def _fitted_threshold(scores: NDArray[np.float64], present: NDArray[np.bool_]) -> float:
    odds = logit(scores.clip(_LEAST_SCORE, 1 - _LEAST_SCORE))
    weights = np.where(present, 1 / present.sum(), 1 / (~present).sum())
    sign = np.where(present, 1, -1)

    def loss(line: NDArray[np.float64]) -> float:
        slope, offset = line
        unlikely = np.logaddexp(0, -sign * (slope * odds + offset))
        return float((weights * unlikely).sum() + _SLOPE_PENALTY * slope**2)

    slope, offset = minimize(loss, (1.0, 0.0), bounds=[(_LEAST_SCORE, None), (None, None)]).x
    return float(expit(-offset / slope))


def _balanced(scores: NDArray[np.float64], present: NDArray[np.bool_], threshold: float) -> float:
    found = scores >= threshold
    return float(50 * found[present].mean() + 50 * (~found[~present]).mean())
