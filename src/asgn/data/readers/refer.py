"""The REFER layout of UNC, UNC+ and G-Ref: `instances.json` beside `refs(*).p` (protocol section 1)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from asgn.data.files.coco_instances import Instances, read_instances
from asgn.data.files.collector import collector_paused
from asgn.data.files.faults import EntryError, Report, Splits, check_phrase, flag_of, number_of, shown, stop
from asgn.data.files.json_file import read_json, whole_number
from asgn.data.files.plain_pickle import read_plain_pickle
from asgn.data.readers.folder import ImageFolder
from asgn.data.types import Expression, Mask
from asgn.errors import DataError

ObjectsOf = Callable[[dict[str, Any]], tuple[int, ...] | None]
"""A ref to the ids of the objects it means; None for a ref that is to be left out. Raises EntryError."""


class ReferFolder(ImageFolder):
    """One split of a REFER-layout folder, as a `ReferringDataset`.

    Pairs each sentence of a ref with the ref's object. Image files are named by `instances.json`: the names in
    the refs of the public files carry an annotation suffix. `ann_id` may also be a list of several objects, and
    an empty list or -1 means that the object is absent.
    """

    def __init__(
        self,
        instances: Path,
        refs: Path,
        images: Path,
        split: str,
        *,
        name: str = "own",
        report: Report = stop,
        objects_of: "ObjectsOf | None" = None,
    ) -> None:
        """Open the split.

        Args:
            instances: the COCO-style file.
            refs: the pickle or JSON file of refs.
            images: the folder that `file_name` entries are relative to.
            split: one of those in the refs.
            name: of the data set on the command line.
            report: takes each faulty entry, which is then left out; the default raises DataError at the first.
            objects_of: which objects a ref means, where its `ann_id` does not say it all.

        Raises:
            DataError: a file is missing or faulty, or there is no such split.
        """
        super().__init__(split, images, (instances, refs), str(instances))
        self.name = name
        self.instances = read_instances(instances, report)
        with collector_paused():
            self.expressions = _read_split(refs, self.instances, split, report, objects_of or object_ids)

    def file_name(self, image_id: int) -> str:
        """The image's path below the image folder. Raises DataError where no image has this id."""
        return self.instances.image(image_id).file_name

    def size(self, image_id: int) -> tuple[int, int]:
        """(height, width) by `instances.json`. Raises DataError where no image has this id."""
        return self.instances.image(image_id).size

    def origin(self, image_id: int) -> str:
        """The image's origin (see `ImageEntry`)."""
        return self.instances.image(image_id).origin

    def mask(self, expression: Expression) -> Mask:
        """(H, W) bool: the union of the expression's objects; empty for an absent one.

        Raises:
            DataError: an object is unknown, of another image, or its outline is faulty.
        """
        return union_of_objects(self.instances, expression)


def union_of_objects(instances: Instances, expression: Expression) -> Mask:
    """(H, W) bool: all objects of an expression together.

    Raises:
        DataError: the image or an object is unknown, an object is of another image, or its outline is faulty.
    """
    union: Mask = np.zeros(instances.image(expression.image_id).size, dtype=bool)
    for annotation_id in expression.annotation_ids:
        mask = instances.mask(annotation_id)
        if mask.shape != union.shape or instances.annotations[annotation_id].image_id != expression.image_id:
            raise DataError(f"{instances.path}: annotation {annotation_id} is not of image {expression.image_id}")
        union |= mask
    return union


def splits_of(path: Path, report: Report = stop) -> tuple[str, ...]:
    """The splits that a refs file has.

    Raises:
        DataError: the file cannot be read, or a ref has no split and `report` raises it.
    """
    splits = Splits()
    for number, ref in enumerate(read_refs(path), 1):
        try:
            splits.check(ref.get("split"))
        except EntryError as fault:
            report(_where(path, number, ref, fault))
    return tuple(sorted(splits.names))


def read_refs(path: Path) -> list[dict[str, Any]]:
    """The refs of a pickle or JSON file, unchecked.

    Each is {"ref_id", "image_id", "ann_id", "split", "sentences": [{"sent_id", "sent"}]}.

    Raises:
        DataError: the file cannot be read, or holds something else.
    """
    refs = read_json(path) if path.suffix == ".json" else read_plain_pickle(path)
    if not isinstance(refs, list | tuple) or not all(isinstance(ref, dict) for ref in refs):
        raise DataError(f"{path} is not a refs file: it should hold a list of refs")
    return list(refs)


def _read_split(
    path: Path, instances: Instances, split: str, report: Report, objects_of: ObjectsOf
) -> list[Expression]:
    """The expressions of one split, in the order of the file."""
    splits, expressions = Splits(), list[Expression]()
    seen_refs, seen_sentences = set[int](), set[int]()
    for number, ref in enumerate(read_refs(path), 1):
        try:
            if splits.check(ref.get("split")) != split:
                continue
            objects = objects_of(ref)
            if objects is None:
                continue
            ref_id = _check_ref(ref, objects, instances, seen_refs)
        except EntryError as fault:
            report(_where(path, number, ref, fault))
            continue
        seen_refs.add(ref_id)
        image_id = number_of(ref, "image_id")
        for sentence_id, text, exists in _sentences(ref["sentences"], seen_sentences, f"{path}: ref {ref_id}", report):
            expressions.append(Expression(sentence_id, ref_id, image_id, objects if exists else (), text))
    if split not in splits.names:
        raise DataError(f"{path} has no split {split!r}: it has {', '.join(sorted(splits.names)) or 'none'}")
    return expressions


def _where(path: Path, number: int, ref: dict[str, Any], fault: EntryError) -> str:
    return f"{path}: ref entry {number} (ref_id {shown(ref.get('ref_id'))}): {fault}"


def _check_ref(ref: dict[str, Any], objects: tuple[int, ...], instances: Instances, seen: set[int]) -> int:
    """The ref's id."""
    ref_id, image_id = number_of(ref, "ref_id"), number_of(ref, "image_id")
    if ref_id in seen:
        raise EntryError("the ref_id is there twice")
    if image_id not in instances.images:
        raise EntryError(f"no image with id {image_id} in {instances.path.name}")
    for annotation_id in objects:
        annotation = instances.annotations.get(annotation_id)
        if annotation is None:
            raise EntryError(f"no annotation with id {annotation_id} in {instances.path.name}")
        if annotation.image_id != image_id:
            raise EntryError(f"annotation {annotation_id} is of image {annotation.image_id}, not {image_id}")
    if not isinstance(ref.get("sentences"), list | tuple) or not ref["sentences"]:
        raise EntryError("it has no list of sentences")
    return ref_id


def object_ids(ref: dict[str, Any]) -> tuple[int, ...]:
    """The ids in a ref's `ann_id`, none for an empty list or -1. Raises EntryError where it holds something else."""
    value = ref.get("ann_id")
    found = [whole_number(each) for each in (value if isinstance(value, list | tuple) else [value])]
    ids = tuple(each for each in found if each is not None)
    if len(ids) < len(found):
        raise EntryError(f"ann_id {shown(value)} is neither an annotation id nor a list of them")
    return () if ids == (-1,) else ids


def _sentences(sentences: list[Any], seen: set[int], where: str, report: Report) -> Iterator[tuple[int, str, bool]]:
    """Id and text of each, and whether it means anything, which R-RefCOCO says by `exist`.

    R-RefCOCO's own code reads `raw`, which stands for a `sent` that is not there.
    """
    for sentence in sentences:
        named = where
        try:
            if not isinstance(sentence, dict):
                raise EntryError("a sentence that is no dictionary")
            key = number_of(sentence, "sent_id")
            named = f"{where}: sentence {key}"
            if key in seen:
                raise EntryError(f"the sent_id {key} is there twice")
            text = check_phrase(sentence.get("sent", sentence.get("raw")))
            exists = flag_of(sentence, "exist", default=True)
        except EntryError as fault:
            report(f"{named}: {fault}")
            continue
        seen.add(key)
        yield key, text, exists
