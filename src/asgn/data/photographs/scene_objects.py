"""The objects of an annotated photograph, as the expression engine takes them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import ndimage

from asgn.data.expressions.colours import colour_name
from asgn.data.expressions.generate import AbsentNouns
from asgn.data.expressions.nouns import PEOPLE, Noun, readable_name
from asgn.data.expressions.predicates import SceneObject
from asgn.data.files.coco_instances import Annotation, Instances
from asgn.data.photographs.category_names import UNNAMED, confusable_names, everyday_noun, has_one_colour, is_unbroken
from asgn.data.photographs.quality import Sources, is_one_object
from asgn.data.types import Image, Mask

MIN_AREA = 0.004
MIN_AREA_OF_STUFF = 0.03
MIN_AREA_OF_CUT = 0.015
MIN_AREA_WHERE_PARTIAL = 0.02
"""Shares of the image below which nobody would refer to a thing, a region, a thing cut off by the edge of the image,
and a thing among others that are not annotated."""

_MAX_DRAWN = 2
_TOUCH = 0.006
_MAIN_PART = 0.9
_MONOCHROME = 10.0
_MIN_COLOUR_PIXELS = 60
_TORSO = (0.25, 0.5)  # of the height of somebody who stands or sits upright
_MIN_UPRIGHT = 1.3


class Names:
    """The nouns of a file's categories, and which of them might be used for another's objects."""

    def __init__(self, instances: Instances) -> None:
        known = {readable_name(category.name) for category in instances.categories.values()}
        self.nouns: dict[int, Noun] = {}
        self.is_stuff: dict[int, bool] = {}
        for key, category in instances.categories.items():
            noun = everyday_noun(category.name, not category.is_thing, known)
            self.nouns[key] = noun or UNNAMED
            self.is_stuff[key] = not category.is_thing
        every = {noun.name for noun in self.nouns.values() if noun is not UNNAMED}
        self.lookalikes = confusable_names(every)
        self.lookalikes[UNNAMED.name] = frozenset(every)

    def of(self, annotation: Annotation) -> Noun:
        """The noun of an annotation; one without a known category may be anything."""
        return self.nouns.get(annotation.category_id, UNNAMED)

    def called(self, annotation: Annotation) -> frozenset[str]:
        """All names that somebody might use for it."""
        name = self.of(annotation).name
        return self.lookalikes[name] | {name}

    def absent(self, image_id: int, present: Sequence[Annotation], sources: Sources) -> AbsentNouns:
        """What is surely not in an image whose annotations are `present`, and cannot be taken for any of them."""
        missing = sources.absent_categories(image_id, {item.category_id for item in present})
        return self._absent_nouns(missing, {name for item in present for name in self.called(item)})

    def _absent_nouns(self, categories: Collection[int], taken: Collection[str]) -> AbsentNouns:
        """The nouns of some categories that are not `taken`, things and regions apart."""
        nouns = {
            self.nouns[key].name: (self.nouns[key], self.is_stuff[key])
            for key in sorted(categories)
            if key in self.nouns
        }
        left = [found for name, found in sorted(nouns.items()) if name not in taken and found[0] is not UNNAMED]
        return AbsentNouns(
            [noun for noun, is_stuff in left if not is_stuff],
            [noun for noun, is_stuff in left if is_stuff and is_unbroken(noun.name)],
        )


@dataclass(frozen=True)
class _Outlined:
    annotation_id: int
    annotation: Annotation
    noun: Noun
    mask: Mask
    area: float
    box: tuple[slice, slice]


def scene_objects(
    instances: Instances, annotation_ids: Sequence[int], image: Image, names: Names, *, partial: bool
) -> tuple[list[SceneObject], Counter[str]]:
    """All annotated objects of one photograph, and how many of them are not referable, by the reason.

    Crowds and all of a crowd's kind, tiny objects, objects that touch their like, regions in several parts and
    outlines that a network may have got wrong are not referable.

    Args:
        instances: where the outlines are.
        annotation_ids: of the photograph's objects.
        image: (H, W, 3) uint8 RGB.
        names: of the file's categories.
        partial: whether the photograph holds more objects than are annotated.

    Raises:
        DataError: an outline is faulty.
    """
    outlined = list(_outlined(instances, annotation_ids, names))
    unclear = _unclear_names(outlined)
    touching = _touching(outlined, names)
    is_monochrome = float(np.ptp(image[::4, ::4].astype(np.int16), axis=2).mean()) < _MONOCHROME
    objects = []
    left_out = Counter({"without a pixel in the image": len(annotation_ids) - len(outlined)})
    for item in outlined:
        is_stuff = names.is_stuff.get(item.annotation.category_id, False)
        doubt = unclear.get(item.noun.name, "")
        if item.noun is UNNAMED:
            known = item.annotation.category_id in names.nouns
            doubt = "of a category that is no name" if known else "of a category that the file does not list"
        elif item.annotation_id in touching:
            doubt = doubt or "touching their like"
        elif item.area < _least_area(item, is_stuff, partial):
            doubt = doubt or "too small"
        elif is_stuff and not is_unbroken(item.noun.name) and not _is_in_one_part(item.mask):
            doubt = doubt or "in several parts"
        left_out[doubt] += 1
        colour = None if is_monochrome else _colour(item, image)
        objects.append(
            SceneObject.from_mask(
                item.mask, item.annotation_id, item.noun, colour=colour, is_stuff=is_stuff, referable=not doubt,
                lookalikes=names.lookalikes[item.noun.name],
            )
        )  # fmt: skip
    del left_out[""]
    return objects, +left_out


def _outlined(instances: Instances, annotation_ids: Sequence[int], names: Names) -> Iterator[_Outlined]:
    for annotation_id in annotation_ids:
        annotation = instances.annotations[annotation_id]
        mask = instances.mask(annotation_id)
        boxes = ndimage.find_objects(mask.astype(np.uint8))
        if boxes:
            yield _Outlined(annotation_id, annotation, names.of(annotation), mask, float(mask.mean()), boxes[0])


def _unclear_names(outlined: Sequence[_Outlined]) -> dict[str, str]:
    """Kinds of which nobody can tell how many there are, with the reason: a crowd, or a network that may merge some."""
    unclear = {item.noun.name: "crowds or of a crowd's kind" for item in outlined if item.annotation.crowd}
    drawn: dict[str, list[_Outlined]] = defaultdict(list)
    for item in outlined:
        if item.annotation.score is not None:
            drawn[item.noun.name].append(item)
    for name, items in drawn.items():
        is_clear = all(is_one_object(item.mask, name, item.annotation.score or 0.0) for item in items)
        if len(items) > _MAX_DRAWN or not is_clear:
            unclear.setdefault(name, "outlined by a network that may have got them wrong")
    return unclear


def _least_area(item: _Outlined, is_stuff: bool, partial: bool) -> float:
    if is_stuff:
        return MIN_AREA_OF_STUFF
    if partial:
        return MIN_AREA_WHERE_PARTIAL
    is_cut = any(side.start == 0 or side.stop == length for side, length in zip(item.box, item.mask.shape, strict=True))
    return MIN_AREA_OF_CUT if is_cut else MIN_AREA


def _touching(outlined: Sequence[_Outlined], names: Names) -> set[int]:
    """Things that a network outlined by class, within a few pixels of their like: nobody can tell where one ends."""
    found: set[int] = set()
    things = [
        item
        for item in outlined
        if item.annotation.score is not None and not names.is_stuff.get(item.annotation.category_id, False)
    ]
    for first, second in combinations(things, 2):
        alike = first.noun == second.noun or second.noun.name in names.lookalikes[first.noun.name]
        if alike and _touch(first, second):
            found |= {first.annotation_id, second.annotation_id}
    return found


def _touch(first: _Outlined, second: _Outlined) -> bool:
    reach = max(1, round(_TOUCH * max(first.mask.shape)))
    window = tuple(
        slice(max(0, max(a.start, b.start) - reach), min(a.stop, b.stop) + reach)
        for a, b in zip(first.box, second.box, strict=True)
    )
    if any(side.stop <= side.start for side in window):
        return False
    near = ndimage.binary_dilation(first.mask[window], iterations=reach)
    return bool((near & second.mask[window]).any())


def _is_in_one_part(mask: Mask) -> bool:
    parts, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    sizes = np.bincount(parts.ravel())[1:]
    return bool(sizes.max() >= _MAIN_PART * sizes.sum())


def _colour(item: _Outlined, image: Image) -> str | None:
    """The colour of the object's inside, whose rim mixes with what is behind; of people, that of the upper body."""
    is_person = item.noun.name in PEOPLE
    if not (is_person or has_one_colour(item.noun.name)):
        return None
    inside = ndimage.binary_erosion(item.mask[item.box], iterations=2)
    if is_person:
        if len(inside) < _MIN_UPRIGHT * inside.shape[1]:
            return None
        inside[: round(_TORSO[0] * len(inside))] = inside[round(_TORSO[1] * len(inside)) :] = False
    pixels = image[item.box][inside]
    return colour_name(pixels) if len(pixels) >= _MIN_COLOUR_PIXELS else None
