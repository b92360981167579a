"""Pairs for asgn-mobile to tell apart by side: photographs put together, each with the only thing of a kind.

Real photographs seldom hold exactly two things of a kind that lie clearly apart; cut windows of two photographs, side
by side or one above the other, always do, and both keep a real background. Of four windows, two pairs of different
kinds make one picture, whose things are small.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from asgn.data.expressions.generate import choose, describe
from asgn.data.expressions.predicates import SceneObject
from asgn.data.files.coco_instances import Instances
from asgn.data.files.images import load_image
from asgn.data.files.masks import encode_rle
from asgn.data.photographs.scene_objects import Names
from asgn.data.types import Mask

Line = dict[str, Any]

LAYOUTS = {(1, 2): (240, 180), (2, 1): (160, 288), (2, 2): (140, 170)}
"""Height and width of each window, by the rows and columns of windows."""
PHRASES = 4
"""For each thing."""
KINDS = ("position", "ordinal", "plural")
LEAST_ZOOM, LEAST_AREA = 0.6, 0.01


class Lone(NamedTuple):
    """A thing that is the only one of its kind in its photograph."""

    image: str
    annotation_id: int
    category_id: int


class Collage(NamedTuple):
    """A photograph of windows, the masks and categories of their things, and what is said of them (by place)."""

    image: NDArray[np.uint8]
    masks: list[Mask]
    category_ids: list[int]
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


def collages(
    lone: dict[int, list[Lone]], instances: Instances, images: Path, count: int, rng: random.Random
) -> Iterator[Collage]:
    """`count` photographs of one or two pairs, every category as often as the root of its things."""
    names, categories = Names(instances), list(lone)
    weights = [len(lone[category]) ** 0.5 for category in categories]
    shown = categories_shown(instances)
    while count:
        layout = rng.choice(list(LAYOUTS))
        kinds = rng.choices(categories, weights, k=layout[0] * layout[1] // 2)
        things = [thing for kind in kinds for thing in rng.sample(lone[kind], 2)]
        rng.shuffle(things)
        if any(shown[thing.image] & (set(kinds) - {thing.category_id}) for thing in things):
            continue
        windows = [window(thing, instances, images, LAYOUTS[layout], rng) for thing in things]
        cut = [found for found in windows if found is not None]
        if len(set(kinds)) < len(kinds) or len(cut) < len(things):
            continue
        image, masks = joined(cut, layout)
        nouns = [names.nouns[thing.category_id] for thing in things]
        objects = [SceneObject.from_mask(mask, key, nouns[key]) for key, mask in enumerate(masks)]
        said = [phrase for phrase in describe(objects, rng, wordings=6, is_photograph=True) if phrase.kind in KINDS]
        chosen = choose(said, PHRASES * len(things), rng)
        phrases = [(phrase.text, phrase.annotation_ids) for phrase in chosen]
        yield Collage(image, masks, [thing.category_id for thing in things], phrases)
        count -= 1


def categories_shown(instances: Instances) -> dict[str, set[int]]:
    """By file name, the categories annotated in a photograph."""
    shown: dict[str, set[int]] = defaultdict(set)
    for annotation in instances.annotations.values():
        shown[instances.images[annotation.image_id].file_name].add(annotation.category_id)
    return shown


def joined(cut: list[tuple[NDArray[np.uint8], Mask]], layout: tuple[int, int]) -> tuple[NDArray[np.uint8], list[Mask]]:
    """Windows in rows and columns, and the mask of each one's thing in the whole."""
    rows, columns = layout
    height, width = cut[0][1].shape
    image = np.zeros((rows * height, columns * width, 3), dtype=np.uint8)
    masks = []
    for place, (pixels, outline) in enumerate(cut):
        top, left = place // columns * height, place % columns * width
        image[top : top + height, left : left + width] = pixels
        mask = np.zeros(image.shape[:2], dtype=bool)
        mask[top : top + height, left : left + width] = outline
        masks.append(mask)
    return image, masks


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


def write_collages(found: Iterator[Collage], images: Path, first_id: int) -> tuple[Line, list[Line]]:
    """Save the pictures; their part of an instances file, and the lines of their expressions.

    Their source is no collection: the photographs they are cut from are in the set themselves.
    """
    entries: Line = {"images": [], "annotations": []}
    lines: list[Line] = []
    for number, collage in enumerate(found):
        name = f"collage_{number:05}.jpg"
        Picture.fromarray(collage.image).save(images / name, quality=92)
        height, width = collage.image.shape[:2]
        entries["images"].append(
            {"id": first_id + number, "file_name": name, "height": height, "width": width, "source": "collage"}
        )
        ids = [first_id + 4 * number + place for place in range(len(collage.masks))]
        for annotation_id, mask, category_id in zip(ids, collage.masks, collage.category_ids, strict=True):
            entries["annotations"].append({
                "id": annotation_id, "image_id": first_id + number, "category_id": category_id, "iscrowd": 0,
                "segmentation": encode_rle(mask),
            })  # fmt: skip
        for text, meant in collage.phrases:
            lines.append({"image": name, "phrase": text, "annotations": [ids[key] for key in meant], "split": "train"})
    return entries, lines
