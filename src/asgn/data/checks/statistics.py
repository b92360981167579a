"""What a split is made of: expressions, words, and sizes of what they refer to; as numbers and as a picture."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from asgn.data.by_image import image_ids
from asgn.data.files.coco_instances import Instances
from asgn.data.files.summed_polygons import sum_of_polygons
from asgn.data.types import ReferringDataset
from asgn.data.vocabulary import MAX_WORDS, Vocabulary, tokenise
from asgn.errors import DataError
from asgn.files import atomic_write
from asgn.progress import Progress, silent

AREA_EDGES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Shares of the image between which mask areas are counted."""

_SHOWN_WORDS = 20


@dataclass(frozen=True)
class Statistics:
    """One split in numbers."""

    dataset: str
    split: str
    images: int
    refs: int
    expressions: int
    absent: int
    """Expressions whose object is not in the image."""
    plural: int
    """Expressions of several objects."""
    lengths: dict[int, int]
    """Words of an expression to the number of such expressions."""
    cut: int
    """Expressions longer than the model reads."""
    distinct_words: int
    words: dict[str, int]
    """The commonest words with their counts."""
    unknown_rate: float | None
    """Share of words that the vocabulary lacks, where one was given."""
    areas: tuple[int, ...] | None
    """Objects between successive `AREA_EDGES`; None where the masks cannot be read."""
    mean_area: float | None
    """Mean share of the image that an object covers."""
    overlapping: int | None
    """Objects with polygons that overlap, which the public REFER code adds up; None without polygons."""

    @property
    def mean_length(self) -> float:
        """Words of an expression, on average."""
        return sum(length * count for length, count in self.lengths.items()) / max(1, sum(self.lengths.values()))

    def to_json(self) -> dict[str, Any]:
        """All numbers as JSON values."""
        return {**asdict(self), "mean_length": self.mean_length, "area_edges": list(AREA_EDGES)}


def statistics(
    data: ReferringDataset,
    vocabulary: Vocabulary | None = None,
    *,
    progress: Progress = silent,
) -> Statistics:
    """Count through a split.

    Args:
        data: the split.
        vocabulary: whose unknown words are counted, if any.
        progress: takes objects done and objects in all.
    """
    strip = vocabulary.strip if vocabulary else True
    sentences = [tokenise(expression.text, strip) for expression in data.expressions]
    words = Counter(word for sentence in sentences for word in sentence)
    unknown = None
    if vocabulary is not None:
        read = [word for sentence in sentences for word in sentence[:MAX_WORDS]]
        unknown = sum(word not in vocabulary for word in read) / max(1, len(read))
    shares = _area_shares(data, progress)
    return Statistics(
        dataset=data.name,
        split=data.split,
        images=len(image_ids(data.expressions)),
        refs=len({expression.ref_id for expression in data.expressions}),
        expressions=len(data.expressions),
        absent=sum(not expression.annotation_ids for expression in data.expressions),
        plural=sum(len(expression.annotation_ids) > 1 for expression in data.expressions),
        lengths=dict(sorted(Counter(map(len, sentences)).items())),
        cut=sum(len(sentence) > MAX_WORDS for sentence in sentences),
        distinct_words=len(words),
        words=dict(words.most_common(_SHOWN_WORDS)),
        unknown_rate=unknown,
        areas=None if shares is None else tuple(np.histogram(shares, AREA_EDGES)[0].tolist()),
        mean_area=float(np.mean(shares)) if shares else None,
        overlapping=_overlapping(data),
    )


def _area_shares(data: ReferringDataset, progress: Progress) -> list[float] | None:
    referents = {(each.image_id, each.annotation_ids): each for each in data.expressions if each.annotation_ids}
    shares = []
    for done, expression in enumerate(referents.values(), 1):
        try:
            shares.append(float(data.mask(expression).mean()))
        except DataError:
            return None  # a text-only release has none
        progress(done, len(referents))
    return shares


def _overlapping(data: ReferringDataset) -> int | None:
    instances = getattr(data, "instances", None)
    if not isinstance(instances, Instances) or not instances.annotations:
        return None
    objects = {key for each in data.expressions for key in each.annotation_ids if key in instances.annotations}
    count = 0
    for key in objects:
        image = instances.images[instances.annotations[key].image_id]
        where = f"{instances.path}: annotation {key}"
        count += bool((sum_of_polygons(instances.segmentation(key), image.height, image.width, where) > 1).any())
    return count


def draw_statistics(splits: Sequence[Statistics], path: Path) -> None:
    """Write lengths, commonest words and mask areas of one data set's splits as a PNG.

    Raises:
        OutputError: it cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.5), layout="constrained")
    by_length, by_word, by_area = figure.subplots(1, 3)
    for split in splits:
        lengths = sorted(split.lengths)
        counts = [split.lengths[length] / split.expressions for length in lengths]
        by_length.plot(lengths, counts, marker=".", label=f"{split.split} (mean {split.mean_length:.1f})")
        if split.areas is not None:
            total = max(1, sum(split.areas))
            by_area.plot([count / total for count in split.areas], marker=".", label=split.split)
    by_length.axvline(MAX_WORDS, color="grey", linestyle=":")
    by_length.set(title="Words of an expression", xlabel="words", ylabel="share of expressions", xlim=(0, None))
    by_length.legend()
    _draw_words(by_word, splits)
    labels = [f"{low:.0%}-{high:.0%}" for low, high in pairwise(AREA_EDGES)]
    by_area.set_xticks(range(len(labels)), labels, rotation=30)
    by_area.set(title="Size of what is referred to", xlabel="share of the image", ylabel="share of objects")
    if by_area.lines:
        by_area.legend()
    figure.suptitle(splits[0].dataset)
    atomic_write(path, lambda temporary: figure.savefig(temporary, format="png"))


def _draw_words(axes: Any, splits: Sequence[Statistics]) -> None:
    words: Counter[str] = Counter()
    for split in splits:
        words.update(split.words)
    shown = words.most_common(_SHOWN_WORDS)[::-1]
    axes.barh(range(len(shown)), [count for _, count in shown])
    axes.set_yticks(range(len(shown)), [word.replace("$", r"\$") for word, _ in shown])
    axes.set(title="Commonest words", xlabel="occurrences")
