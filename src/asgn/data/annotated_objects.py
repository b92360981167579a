"""The objects of a photograph as the expression engine wants them, from an instances file."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import ndimage

from asgn.data.attributes import SceneObject
from asgn.data.colours import colour_name
from asgn.data.expressions import AbsentNouns
from asgn.data.instances import Instances
from asgn.data.nouns import Noun, readable_name
from asgn.data.sample import Image, Mask

LEAST_AREA = 0.005
"""Share of the image below which an object is too small to be referred to."""

_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "airplane": ("plane",), "bicycle": ("bike",), "cell phone": ("phone",), "couch": ("sofa",),
    "donut": ("doughnut",), "motorcycle": ("motorbike",), "potted plant": ("plant",), "refrigerator": ("fridge",),
    "remote": ("remote control",), "teddy bear": ("stuffed bear",), "tv": ("television", "screen"),
    "dining table": ("table",),
}  # fmt: skip

_CONFUSED: Sequence[frozenset[str]] = tuple(
    frozenset(group)
    for group in (
        ("car", "truck", "bus", "train"), ("bicycle", "motorcycle"), ("couch", "chair", "bench", "bed", "toilet"),
        ("cup", "wine glass", "bottle", "bowl", "vase"), ("dining table", "table", "counter", "cabinet", "shelf"),
        ("tv", "laptop", "cell phone", "microwave"), ("cow", "sheep", "horse"), ("knife", "fork", "spoon"),
        ("handbag", "backpack", "suitcase"), ("potted plant", "vase", "tree", "flower"), ("apple", "orange"),
        ("cake", "sandwich", "pizza", "donut", "hot dog"), ("grass", "dirt", "sand", "playingfield", "gravel"),
        ("road", "pavement", "platform", "floor", "dirt"), ("water", "sea", "river"), ("sky", "snow", "fog"),
        ("building", "house", "roof", "wall"), ("mountain", "rock"), ("window", "door", "curtain", "mirror"),
        ("blanket", "towel", "pillow", "rug"), ("boat", "surfboard", "skateboard", "snowboard"),
    )
)  # fmt: skip
"""Names that one person may use where another uses the other."""


class Nouns:
    """The categories of a file as nouns, with the names that might be used for another's objects."""

    def __init__(self, instances: Instances) -> None:
        names = {key: readable_name(category.name) for key, category in instances.categories.items()}
        every = set(names.values())
        self.of_category = {key: Noun.of(name, *self._synonyms(name, every)) for key, name in names.items()}
        self.lookalikes = {name: _lookalikes(name, every) for name in every}
        things = {names[key] for key, category in instances.categories.items() if category.is_thing}
        nouns = {noun.name: noun for noun in self.of_category.values()}
        self.absent = AbsentNouns(
            tuple(nouns[name] for name in sorted(things)), tuple(nouns[name] for name in sorted(every - things))
        )

    @staticmethod
    def _synonyms(name: str, every: set[str]) -> tuple[str, ...]:
        return tuple(other for other in _SYNONYMS.get(name, ()) if other not in every)


def scene_objects(instances: Instances, annotation_ids: Sequence[int], image: Image, nouns: Nouns) -> list[SceneObject]:
    """All annotated objects of one photograph; crowds, tiny objects and ones that touch their like not referable.

    Raises:
        DataError: an outline is faulty.
    """
    masks = {annotation_id: instances.mask(annotation_id) for annotation_id in annotation_ids}
    masks = {annotation_id: mask for annotation_id, mask in masks.items() if mask.any()}
    touching = _touching(instances, masks)
    objects = []
    for annotation_id, mask in masks.items():
        annotation = instances.annotations[annotation_id]
        noun = nouns.of_category.get(annotation.category_id)
        if noun is None:
            continue
        usable = not annotation.crowd and annotation_id not in touching and float(mask.mean()) >= LEAST_AREA
        objects.append(
            SceneObject.from_mask(
                mask,
                annotation_id,
                noun,
                colour=colour_name(image[mask]),
                is_stuff=not instances.categories[annotation.category_id].is_thing,
                referable=usable,
                lookalikes=nouns.lookalikes[noun.name],
            )
        )
    return objects


def _touching(instances: Instances, masks: Mapping[int, Mask]) -> set[int]:
    """Objects that share an edge with another of their category: nobody can tell where one ends."""
    found: set[int] = set()
    by_category: dict[int, list[int]] = {}
    for annotation_id in masks:
        by_category.setdefault(instances.annotations[annotation_id].category_id, []).append(annotation_id)
    for mates in by_category.values():
        if len(mates) < 2:
            continue
        grown = {mate: np.asarray(ndimage.binary_dilation(masks[mate])) for mate in mates}
        for index, first in enumerate(mates):
            for second in mates[index + 1 :]:
                if (grown[first] & masks[second]).any():
                    found |= {first, second}
    return found


def _lookalikes(name: str, every: set[str]) -> frozenset[str]:
    """Names that might be used for it: of its confusion groups, or that share its last word, as kinds of wall do."""
    head = name.rpartition(" ")[2]
    same_head = {other for other in every if other.rpartition(" ")[2] == head}
    grouped = {other for group in _CONFUSED if name in group or head in group for other in group}
    of_groups = {other for other in every if other in grouped or other.rpartition(" ")[2] in grouped}
    return frozenset((same_head | of_groups) - {name})
