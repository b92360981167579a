"""The REFER layout of UNC, UNC+ and G-Ref: `instances.json` beside `refs(*).p` (protocol section 1)."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from asgn.data.cache import RecentArrays
from asgn.data.faults import Report, stop
from asgn.data.images import load_image
from asgn.data.instances import Instances, read_instances
from asgn.data.jsonfile import is_integer, read_bytes
from asgn.data.sample import Expression, Image, Mask
from asgn.data.unpickle import read_plain_pickle
from asgn.errors import DataError

_IMAGES_HELD = 8


class ReferFolder:
    """One split of a REFER-layout folder, as a `ReferringDataset`.

    Pairs each sentence of a ref with the ref's object. Image files are named by `instances.json`: the names in
    the refs of the public files carry an annotation suffix. `ann_id` may also be a list of several objects, and
    an empty list or -1 means that the object is absent.
    """

    def __init__(self, instances: Path, refs: Path, images: Path, split: str, *, name: str = "own") -> None:
        """Open the split.

        Args:
            instances: the COCO-style file.
            refs: the pickle of refs.
            images: the folder that `file_name` entries are relative to.
            split: one of those in the refs.
            name: of the data set on the command line.

        Raises:
            DataError: a file is missing or faulty, or there is no such split.
        """
        self.name = name
        self.split = split
        self.instances = read_instances(instances)
        self.expressions: Sequence[Expression] = read_refs(refs, self.instances, split)
        self._refs_path = refs
        self._images_root = images
        self._recent: RecentArrays[int, Image] = RecentArrays(_IMAGES_HELD)

    def image_path(self, image_id: int) -> Path:
        """Where the photograph is expected.

        Raises:
            DataError: no image has this id.
        """
        entry = self.instances.images.get(image_id)
        if entry is None:
            raise DataError(f"{self.instances.path}: no image with id {image_id}")
        return self._images_root / entry.file_name

    def image(self, image_id: int) -> Image:
        """(H, W, 3) uint8 RGB.

        Raises:
            DataError: the file is missing or damaged, or not of the size that the annotations were made for.
        """
        return self._recent.get(image_id, lambda: self._read_image(image_id))

    def mask(self, expression: Expression) -> Mask:
        """(H, W) bool: the union of the expression's objects; empty for an absent one.

        Raises:
            DataError: an object is unknown, of another image, or its outline is faulty.
        """
        return union_of_objects(self.instances, expression)

    def fingerprint(self) -> str:
        """SHA-256 over both annotation files and the split's name."""
        digest = hashlib.sha256(self.split.encode())
        for path in (self.instances.path, self._refs_path):
            digest.update(hashlib.sha256(read_bytes(path)).digest())
        return digest.hexdigest()

    def _read_image(self, image_id: int) -> Image:
        path = self.image_path(image_id)
        return check_image_size(load_image(path), self.instances, image_id, path)


def union_of_objects(instances: Instances, expression: Expression) -> Mask:
    """(H, W) bool: all objects of an expression together.

    Raises:
        DataError: the image or an object is unknown, an object is of another image, or its outline is faulty.
    """
    entry = instances.images.get(expression.image_id)
    if entry is None:
        raise DataError(f"{instances.path}: no image with id {expression.image_id}")
    union = Mask((entry.height, entry.width))
    return union


def check_image_size(image: Image, instances: Instances, image_id: int, path: Path) -> Image:
    """The image itself.

    Raises:
        DataError: it is not of the size that the annotations were made for.
    """
    entry = instances.images[image_id]
    if image.shape[:2] != (entry.height, entry.width):
        found = f"{image.shape[1]}x{image.shape[0]}"
        raise DataError(f"{path} is {found}, but {instances.path} says {entry.width}x{entry.height}")
    return image
