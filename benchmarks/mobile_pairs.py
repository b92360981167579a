"""Pairs for asgn-mobile to tell apart by side: two photographs put together, each with the only thing of a kind.

Real photographs seldom hold exactly two things of a kind that lie clearly apart; cut windows of two photographs, side
by side or one above the other, always do, and both halves keep a real background.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from asgn.data.annotated_scene import Names
from asgn.data.attributes import SceneObject
from asgn.data.expressions import choose, describe
from asgn.data.images import load_image
from asgn.data.instances import Instances
from asgn.data.masks import encode_rle
from asgn.data.sample import Mask

Line = dict[str, Any]

SIDE_BY_SIDE, ABOVE = (240, 180), (160, 288)
"""Height and width of each half."""
PHRASES = 8
KINDS = ("position", "ordinal", "plural")
LEAST_ZOOM, LEAST_AREA = 0.6, 0.01


class Lone(NamedTuple):
    """A thing that is the only one of its kind in its photograph."""

    image: str
    annotation_id: int
    category_id: int


class Pair(NamedTuple):
    """A photograph of two halves, the masks of its two things, and what is said of them (0, 1 or both)."""

    image: NDArray[np.uint8]
    masks: tuple[Mask, Mask]
    category_id: int
    phrases: list[tuple[str, tuple[int, ...]]]


def lone_things(lines: Sequence[Line], instances: Instances) -> dict[int, list[Lone]]:
    """By category, the things that a bare category name means."""
    found: dict[int, set[Lone]] = defaultdict(set)
    for line in lines:
        if line["kind"] == "category" and len(line["annotations"]) == 1:
            (annotation_id,) = line["annotations"]
            category_id = instances.annotations[annotation_id].category_id
            found[category_id].add(Lone(line["image"], annotation_id, category_id))
    return {category: sorted(things) for category, things in found.items() if len(things) > 1}


def pairs(
    lone: dict[int, list[Lone]], instances: Instances, images: Path, count: int, rng: random.Random
) -> Iterator[Pair]:
    """`count` photographs with pairs, every category as often as the root of its things."""
    names, categories = Names(instances), list(lone)
    weights = [len(lone[category]) ** 0.5 for category in categories]
    while count:
        category = rng.choices(categories, weights)[0]
        shape = rng.choice((SIDE_BY_SIDE, SIDE_BY_SIDE, ABOVE))
        halves = [window(thing, instances, images, shape, rng) for thing in rng.sample(lone[category], 2)]
        if halves[0] is None or halves[1] is None:
            continue
        axis = 1 if shape == SIDE_BY_SIDE else 0
        (first, first_mask), (second, second_mask) = halves[0], halves[1]
        empty = np.zeros(shape, dtype=bool)
        masks = np.concatenate([first_mask, empty], axis), np.concatenate([empty, second_mask], axis)
        objects = [SceneObject.from_mask(mask, key, names.nouns[category]) for key, mask in enumerate(masks)]
        said = [phrase for phrase in describe(objects, rng, wordings=6, is_photograph=True) if phrase.kind in KINDS]
        chosen = choose(said, PHRASES, rng)
        yield Pair(
            np.concatenate([first, second], axis),
            masks,
            category,
            [(phrase.text, phrase.annotation_ids) for phrase in chosen],
        )
        count -= 1


def window(
    thing: Lone, instances: Instances, images: Path, shape: tuple[int, int], rng: random.Random
) -> tuple[NDArray[np.uint8], Mask] | None:
    """A part of the photograph with all of the thing in it, `shape` large; None where there is no such part."""
    image, mask = load_image(images / thing.image), instances.mask(thing.annotation_id)
    height, width = mask.shape
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    largest = min(height / shape[0], width / shape[1])
    needed = max((np.ptp(rows) + 1) / shape[0], (np.ptp(columns) + 1) / shape[1])
    if needed > largest:
        return None
    scale = rng.uniform(max(needed, LEAST_ZOOM * largest), largest)
    tall, wide = round(scale * shape[0]), round(scale * shape[1])
    top = rng.randint(max(0, int(rows.max()) + 1 - tall), max(0, min(int(rows.min()), height - tall)))
    left = rng.randint(max(0, int(columns.max()) + 1 - wide), max(0, min(int(columns.min()), width - wide)))
    box, size = (left, top, left + wide, top + tall), (shape[1], shape[0])
    cut = Picture.fromarray(image).resize(size, Picture.Resampling.BILINEAR, box)
    outline = np.asarray(Picture.fromarray(mask).resize(size, Picture.Resampling.NEAREST, box))
    return (np.asarray(cut), outline) if outline.mean() >= LEAST_AREA else None


def write_pairs(found: Iterator[Pair], images: Path, first_id: int) -> tuple[Line, list[Line]]:
    """Save the pictures; their part of an instances file, and the lines of their expressions."""
    entries: Line = {"images": [], "annotations": []}
    lines: list[Line] = []
    for number, pair in enumerate(found):
        image_id, name = first_id + number, f"pair_{number:05}.jpg"
        Picture.fromarray(pair.image).save(images / name, quality=92)
        height, width = pair.image.shape[:2]
        entries["images"].append({"id": image_id, "file_name": name, "height": height, "width": width})
        ids = [first_id + 2 * number, first_id + 2 * number + 1]
        for annotation_id, mask in zip(ids, pair.masks, strict=True):
            entries["annotations"].append({
                "id": annotation_id, "image_id": image_id, "category_id": pair.category_id, "iscrowd": 0,
                "segmentation": encode_rle(mask),
            })  # fmt: skip
        for text, meant in pair.phrases:
            lines.append({"image": name, "phrase": text, "annotations": [ids[key] for key in meant], "split": "train"})
    return entries, lines
