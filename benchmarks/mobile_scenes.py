"""Scenes made of photographs, for training: two side by side, or a thing pasted into one.

Few photographs have a label on every pixel, and a network soon knows them by heart. Two of them cut and joined (Yun et
al., CutMix, ICCV 2019) make any number of scenes, in which a wall has to be known from what it looks like and not from
what is usual beside it. Things with an outline, pasted into other photographs (Ghiasi et al., Simple Copy-Paste, CVPR
2021), are hidden by nothing and hide what was there.
"""

import math
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from asgn.data.expressions.nouns import Noun, readable_name
from asgn.data.files.coco_instances import Instances
from asgn.data.loading.pack import PackedDataset
from asgn.data.transforms import Placement, placement_in_square, resize_and_pad_mask
from asgn.data.types import Expression, Image, Mask

CUT = (0.35, 0.65)
"""Where two photographs meet, as a share of the side."""
CROP, STRETCH = (0.55, 1.0), 0.3
"""How much of a photograph's height or width is taken, and by how much its aspect changes."""
LEAST_REGION, LEAST_THING, LEAST_APART = 0.01, 0.004, 80
"""Shares of the scene from which a class is asked for and a thing counts, and pixels between left and right."""
ABSENT_SHARE = 0.15
PASTED, SHRINK, LARGEST, STILL_SEEN = (0.015, 0.35), (0.5, 1.2), 0.8, 0.65
"""Share of its own photograph that a pasted thing has, by how much it is resized, its largest side as a share of the
scene's, and the share of an object that must be left for its phrases to hold."""

SAID = {"tree": "trees", "playingfield": "playing field", "wood": "wooden", "tile": "tiled"}
"""Words of labels as photorefer's phrases have them."""


class Scene(NamedTuple):
    """A square picture with phrases and their truth."""

    pixels: Image
    phrases: list[str]
    masks: list[Mask]


class Labels(NamedTuple):
    """What every pixel of a square shows."""

    pixels: Image
    kinds: NDArray[np.int32]
    """(S, S) category ids, -1 where there is no label."""
    objects: NDArray[np.int32]
    """(S, S) numbers of objects, -1 where there is none."""


class Asked(NamedTuple):
    """Phrases that mean the same, and how often they are asked."""

    mask: Mask
    phrases: tuple[str, ...]
    weight: float


class SceneMaker:
    """Makes scenes of a packed data set.

    Args:
        data: the photographs, as squares.
        instances: their annotations.
        labelled: ids of photographs on which every pixel is annotated.
        donors: expressions that mean one thing each, to be pasted.
    """

    def __init__(
        self, data: PackedDataset, instances: Instances, labelled: Sequence[int], donors: Sequence[Expression]
    ) -> None:
        self.data, self.instances, self.donors = data, instances, donors
        self.labels = {image_id: self._labels_of(image_id) for image_id in labelled}
        self.nouns = {key: _noun(kind.name) for key, kind in instances.categories.items()}
        shown = {int(kind) for labels in self.labels.values() for kind in np.unique(labels.kinds)} - {-1}
        self.shown = sorted(kind for kind in shown if "foreground" not in self.nouns[kind].name)

    def _labels_of(self, image_id: int) -> Labels:
        pixels = self.data.image(image_id)
        kinds, objects = (np.full(pixels.shape[:2], -1, dtype=np.int32) for _ in range(2))
        for number, key in enumerate(self.instances.annotation_ids[image_id]):
            mask = resize_and_pad_mask(torch.from_numpy(self.instances.mask(key)), len(pixels)).numpy()
            kinds[mask], objects[mask] = self.instances.annotations[key].category_id, number
        return Labels(pixels, kinds, objects)

    def side_by_side(self, rng: random.Random, count: int) -> Scene | None:
        """Parts of two labelled photographs with `count` phrases; None where nothing can be asked for."""
        scene = self._joined(rng)
        asked = self._asked(scene)
        if not asked:
            return None
        absent = self._absent(scene)
        phrases, masks = [], []
        for _ in range(count):
            if absent and rng.random() < ABSENT_SHARE:
                phrases.append(rng.choice(("", "the ")) + rng.choice(absent))
                masks.append(np.zeros_like(scene.kinds, dtype=np.bool_))
            else:
                (meant,) = rng.choices(asked, [item.weight for item in asked])
                phrases.append(rng.choice(meant.phrases))
                masks.append(meant.mask)
        return Scene(scene.pixels, phrases, masks)

    def _joined(self, rng: random.Random) -> Labels:
        vertical, (first, second) = rng.random() < 0.5, rng.sample(sorted(self.labels), 2)
        side = len(self.labels[first].pixels)
        cut = round(side * rng.uniform(*CUT))
        sizes = [(side, width) if vertical else (width, side) for width in (cut, side - cut)]
        parts = [self._part(rng, image_id, *size) for image_id, size in zip((first, second), sizes, strict=True)]
        offset = 1 + parts[0].objects.max()
        objects = [parts[0].objects, np.where(parts[1].objects < 0, -1, parts[1].objects + offset)]
        axis = 1 if vertical else 0
        pixels, kinds = (np.concatenate([part[field] for part in parts], axis) for field in range(2))
        return Labels(pixels, kinds, np.concatenate(objects, axis))

    def _part(self, rng: random.Random, image_id: int, height: int, width: int) -> Labels:
        """A piece of a photograph, brought to a size and perhaps mirrored."""
        labels = self.labels[image_id]
        entry = self.instances.images[image_id]
        rows, columns = _crop(rng, placement_in_square(entry.height, entry.width, len(labels.pixels)), height, width)
        pixels = _resized(labels.pixels[rows, columns], height, width)
        kinds, objects = (_nearest(one[rows, columns], height, width) for one in (labels.kinds, labels.objects))
        turn = -1 if rng.random() < 0.5 else 1
        return Labels(pixels[:, ::turn], kinds[:, ::turn], objects[:, ::turn])

    def _asked(self, scene: Labels) -> list[Asked]:
        """What can be asked for: regions and things by their class, and the left or right one of two."""
        found = []
        for kind in (int(kind) for kind in np.unique(scene.kinds) if kind in self.shown):
            mask, noun = scene.kinds == kind, self.nouns[kind]
            if mask.mean() < LEAST_REGION:
                continue
            if not self.instances.categories[kind].is_thing:
                found.append(Asked(mask, (noun.name, f"the {noun.name}"), 1.5))
                continue
            shown = np.unique(scene.objects[mask])
            large = [number for number in shown if (scene.objects == number).mean() > LEAST_THING]
            if len(large) > 1:
                found.append(Asked(mask, (noun.plural, f"the {noun.plural}", f"all {noun.plural}"), 1.0))
            elif large:
                found.append(Asked(mask, (noun.name, f"the {noun.name}"), 1.0))
            if len(large) == len(shown) == 2:
                found += _left_and_right(noun.name, *(scene.objects == number for number in large))
        return found

    def _absent(self, scene: Labels) -> list[str]:
        """Classes that the scene surely does not show: none shares a word with one that it may show."""
        present = {int(kind) for kind in np.unique(scene.kinds)} - {-1}
        said = {word.rstrip("s") for kind in present for word in _words(self.instances.categories[kind].name)}
        others = (self.nouns[kind].name for kind in self.shown if kind not in present)
        return [name for name in others if said.isdisjoint(word.rstrip("s") for word in name.split())]

    def with_pasted(self, rng: random.Random, image_id: int, said: Sequence[Expression], count: int) -> Scene | None:
        """A photograph with a thing of another kind pasted in, and phrases about both; None where it does not fit."""
        donor = rng.choice(self.donors)
        kind = self._kind(donor)
        outline, pixels = self.data.mask(donor), self.data.image(image_id)
        kinds = {self._kind(expression) for expression in said if expression.annotation_ids}
        if kind in kinds or not PASTED[0] < outline.mean() < PASTED[1]:
            return None
        thing = _cut_out(rng, self.data.image(donor.image_id), outline)
        if max(thing.pixels.shape[:2]) >= LARGEST * len(pixels):
            return None
        where = _at_a_random_place(rng, thing.masks[0].shape, len(pixels))
        pasted, hidden = pixels.copy(), np.zeros(pixels.shape[:2], dtype=np.bool_)
        hidden[where] = thing.masks[0]
        pasted[hidden] = thing.pixels[thing.masks[0]]
        noun = self.nouns[kind].name
        pairs = []
        for expression in rng.sample(said, min(count - 1, len(said))):
            mask = self.data.mask(expression)
            if noun not in expression.text and (mask & ~hidden).sum() >= STILL_SEEN * mask.sum():
                pairs.append((expression.text, mask & ~hidden))
        pairs.append((rng.choice((noun, f"the {noun}")), hidden))
        pairs += rng.choices(pairs, k=count - len(pairs))
        return Scene(pasted, [text for text, _ in pairs], [mask for _, mask in pairs])

    def _kind(self, expression: Expression) -> int:
        return self.instances.annotations[expression.annotation_ids[0]].category_id


def single_things(data: PackedDataset, image_ids: set[int]) -> list[Expression]:
    """One expression for each thing of these photographs that some expression means alone."""
    found: dict[int, Expression] = {}
    for expression in data.expressions:
        if expression.image_id in image_ids and len(expression.annotation_ids) == 1:
            found.setdefault(expression.annotation_ids[0], expression)
    return list(found.values())


def _noun(label: str) -> Noun:
    return Noun.of(" ".join(SAID.get(word, word) for word in readable_name(label).split()))


def _words(label: str) -> list[str]:
    return label.replace("-", " ").split()


def _left_and_right(name: str, *masks: Mask) -> list[Asked]:
    """Phrases for either of two things that lie well apart."""
    left, right = sorted(masks, key=lambda mask: float(np.nonzero(mask)[1].mean()))
    if np.nonzero(right)[1].mean() - np.nonzero(left)[1].mean() < LEAST_APART:
        return []
    sides = (("left", left), ("right", right))
    return [Asked(mask, (f"{side} {name}", f"the {side} {name}", f"{name} on the {side}"), 0.7) for side, mask in sides]


def _crop(rng: random.Random, content: Placement, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of a piece inside the content, about as wide for its height as what it is to fill."""
    aspect = width / height * math.exp(rng.uniform(-STRETCH, STRETCH))
    rows = max(32, int(min(content.height, content.width / aspect) * rng.uniform(*CROP)))
    columns = max(32, min(int(rows * aspect), content.width))
    top = content.top + rng.randint(0, content.height - rows)
    left = content.left + rng.randint(0, content.width - columns)
    return slice(top, top + rows), slice(left, left + columns)


def _cut_out(rng: random.Random, pixels: Image, outline: Mask) -> Scene:
    """The thing in its box, resized and perhaps mirrored."""
    rows, columns = (np.flatnonzero(outline.any(axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    factor, turn = rng.uniform(*SHRINK), -1 if rng.random() < 0.5 else 1
    height, width = (max(8, int((side.stop - side.start) * factor)) for side in box)
    mask = _nearest(outline[box], height, width)
    return Scene(_resized(pixels[box], height, width)[:, ::turn], [], [mask[:, ::turn]])


def _at_a_random_place(rng: random.Random, shape: tuple[int, ...], side: int) -> tuple[slice, slice]:
    top, left = (rng.randint(0, side - length) for length in shape)
    return slice(top, top + shape[0]), slice(left, left + shape[1])


def _resized(pixels: Image, height: int, width: int) -> Image:
    values = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float()
    resized = F.interpolate(values, (height, width), mode="bilinear", antialias=True)[0]
    return resized.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()


def _nearest(values: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip((height, width), values.shape, strict=True)
    )
    return values[np.ix_(rows, columns)]
