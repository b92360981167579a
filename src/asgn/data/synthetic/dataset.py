"""The `synthetic` data set: scenes drawn at run time from a seed, with unambiguous referring expressions."""

import hashlib
import json
import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, overload

import numpy as np
from scipy import ndimage

from asgn.data.expressions.generate import AbsentNouns, Phrase, choose, describe
from asgn.data.expressions.predicates import SceneObject
from asgn.data.synthetic.drawing import Labels, draw_image, draw_labels
from asgn.data.synthetic.scenes import GENERIC, LOOKALIKES, REGIONS, SHAPES, Scene, sample_scene
from asgn.data.types import Expression, Image, Mask
from asgn.errors import DataError

GENERATOR_VERSION = 1
"""Raised whenever the same seed gives other scenes or texts."""

SPLITS = {"train": 4000, "val": 200, "test": 500}
"""Splits with their default numbers of scenes."""

_FIRST_IMAGE = {"train": 0, "val": 100_000_000, "test": 200_000_000}
_LEAST_VISIBLE_SHARE = 0.5
_LEAST_VISIBLE_AREA = 0.0025
_LEAST_REGION_AREA = 0.04


class _Described(NamedTuple):
    scene: Scene
    labels: Labels
    phrases: tuple[Phrase, ...]


class SyntheticDataset:
    """One split of drawn scenes (a `ReferringDataset`); each scene is made when first asked for.

    The same arguments give the same pixels and texts on every machine with the same Pillow. Scenes of different
    splits or seeds come from different random streams. `size` is the side of the images in pixels; `absent`
    says whether some phrases describe what is not there (their masks are empty).
    """

    name = "synthetic"

    def __init__(
        self,
        split: str,
        *,
        seed: int = 0,
        scenes: int | None = None,
        size: int = 160,
        expressions_per_scene: int = 8,
        absent: bool = True,
    ) -> None:
        if split not in SPLITS:
            raise DataError(f"synthetic has no split {split!r}: choose one of {', '.join(SPLITS)}")
        self.split = split
        self.seed = seed
        self.scenes = SPLITS[split] if scenes is None else scenes
        self.size = size
        self.absent = absent
        self.expressions_per_scene = expressions_per_scene
        if self.scenes < 1:
            raise DataError(f"synthetic needs at least 1 scene, not {self.scenes}: mend the number of scenes")
        self.expressions: Sequence[Expression] = _Expressions(self)
        self._texts: dict[int, tuple[Expression, ...]] = {}

    def image(self, image_id: int) -> Image:
        """The scene's picture, (S, S, 3). Raises DataError for an id of another split."""
        return draw_image(self._described(image_id).scene, self.size)

    def mask(self, expression: Expression) -> Mask:
        """The visible pixels of the expression's objects, (S, S); nothing for an absent object."""
        labels = self._described(expression.image_id).labels
        return np.isin(labels, expression.annotation_ids)

    def scene(self, image_id: int) -> Scene:
        """What the scene is made of; its regions and then its shapes are numbered by the annotation ids."""
        return self._described(image_id).scene

    def labels(self, image_id: int) -> Labels:
        """The label map (S, S): each pixel holds the annotation id of the object or region seen there."""
        return self._described(image_id).labels

    def image_ids(self) -> range:
        """The ids of the split's scenes."""
        first = _FIRST_IMAGE[self.split]
        return range(first, first + self.scenes)

    def expressions_of(self, image_id: int) -> tuple[Expression, ...]:
        """The expressions over one scene, `expressions_per_scene` of them."""
        if image_id not in self._texts:
            self._texts[image_id] = self._number(image_id, self._described(image_id).phrases)
        return self._texts[image_id]

    def kinds_of(self, image_id: int) -> tuple[str, ...]:
        """The kind of each of the scene's expressions (category, colour, ..., absent)."""
        return tuple(phrase.kind for phrase in self._described(image_id).phrases)

    def fingerprint(self) -> str:
        """Hex digest of the generator's version and all arguments."""
        facts = [self.split, self.seed, self.scenes, self.size, self.expressions_per_scene, self.absent]
        return hashlib.sha256(json.dumps([GENERATOR_VERSION, *facts]).encode()).hexdigest()

    def _described(self, image_id: int) -> _Described:
        if image_id not in self.image_ids():
            raise DataError(f"synthetic {self.split} has no image {image_id}")
        index = image_id - self.image_ids().start
        return _describe_scene(self.split, self.seed, index, self.size, self.expressions_per_scene, self.absent)

    def _number(self, image_id: int, phrases: Sequence[Phrase]) -> tuple[Expression, ...]:
        """Expressions with ids: phrases of one referent share a ref id, each absent phrase has its own."""
        first = image_id * self.expressions_per_scene
        refs: dict[tuple[int | str, ...], int] = {}
        return tuple(
            Expression(
                sentence_id=first + position,
                ref_id=first + refs.setdefault(phrase.annotation_ids or ("absent", position), len(refs)),
                image_id=image_id,
                annotation_ids=phrase.annotation_ids,
                text=phrase.text,
            )
            for position, phrase in enumerate(phrases)
        )


class _Expressions(Sequence[Expression]):
    """All expressions of a split, made scene by scene when first read."""

    def __init__(self, dataset: SyntheticDataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return self._dataset.scenes * self._dataset.expressions_per_scene

    @property
    def image_of_each(self) -> list[int]:
        """The scene of every expression (see `by_image`), for which nothing is drawn."""
        return [image_id for image_id in self._dataset.image_ids() for _ in range(self._dataset.expressions_per_scene)]

    @overload
    def __getitem__(self, index: int) -> Expression: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Expression]: ...
    def __getitem__(self, index: int | slice) -> Expression | Sequence[Expression]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        scene, place = divmod(position, self._dataset.expressions_per_scene)
        return self._dataset.expressions_of(self._dataset.image_ids()[scene])[place]


@lru_cache(maxsize=256)
def _describe_scene(split: str, seed: int, index: int, size: int, count: int, absent: bool) -> _Described:
    """Scene number `index` of a random stream; a scene of which too little can be said is drawn again."""
    rng = random.Random(f"asgn synthetic {GENERATOR_VERSION} {split} {seed} {index}")
    nouns = AbsentNouns(tuple(SHAPES.values()), tuple(REGIONS.values())) if absent else None
    while True:
        scene = sample_scene(rng)
        labels, full = draw_labels(scene, size)
        phrases = choose(describe(measure(scene, labels, full), rng, generic=GENERIC, absent=nouns), count, rng)
        if len(phrases) == count and len({phrase.annotation_ids for phrase in phrases}) >= 2:
            return _Described(scene, labels, tuple(phrases))


def measure(scene: Scene, labels: Labels, full: Sequence[int]) -> list[SceneObject]:
    """The scene's visible objects, measured in the label map; `full` are the shapes' unhidden areas in pixels.

    The size of a shape is that of the whole shape, and one hidden by half is not referable.
    """
    objects = []
    for label, box in enumerate(ndimage.find_objects(labels + 1)):
        if box is None:
            continue
        area, x, y = _area_and_centroid(labels, label, box)
        place = label - len(scene.regions)
        if place < 0:
            region = scene.regions[label]
            noun, colour, size = REGIONS[region.name], region.material.colour, math.sqrt(area / labels.size)
            referable = area >= _LEAST_REGION_AREA * labels.size
        else:
            shape = scene.shapes[place]
            noun, colour, size = SHAPES[shape.name], shape.colour, 2 * shape.radius
            referable = area >= max(_LEAST_VISIBLE_SHARE * full[place], _LEAST_VISIBLE_AREA * labels.size)
        side = len(labels)
        edges = box[1].start / side, box[0].start / side, box[1].stop / side, box[0].stop / side
        objects.append(
            SceneObject(
                annotation_id=label,
                noun=noun,
                x=x / side,
                y=y / side,
                box=edges,
                area=area / labels.size,
                size=size,
                colour=colour,
                is_stuff=place < 0,
                referable=referable,
                lookalikes=LOOKALIKES.get(noun.name, frozenset()),
            )
        )
    return objects


def _area_and_centroid(labels: Labels, label: int, box: tuple[slice, slice]) -> tuple[int, float, float]:
    """Pixels of a label within its box, and their mean x and y in pixels."""
    inside = labels[box] == label
    across, down = np.count_nonzero(inside, axis=0), np.count_nonzero(inside, axis=1)
    area = int(across.sum())
    x = box[1].start + 0.5 + float(across @ np.arange(len(across))) / area
    y = box[0].start + 0.5 + float(down @ np.arange(len(down))) / area
    return area, x, y
