"""From any instances or panoptic file to a referring data set of the user's own (see `own.py`)."""

import hashlib
import json
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asgn.data.expressions.families import Kind
from asgn.data.expressions.generate import KIND_SHARES, Phrase, choose, describe
from asgn.data.expressions.predicates import SceneObject
from asgn.data.files.coco_instances import Instances, read_instances
from asgn.data.files.coco_panoptic import is_panoptic, write_as_instances
from asgn.data.files.images import load_sized_image
from asgn.data.photographs.phrase_filter import holds, restyled
from asgn.data.photographs.quality import Sources
from asgn.data.photographs.scene_objects import Names, scene_objects
from asgn.errors import DataError, OutputError
from asgn.files import atomic_write, ensure_writable_folder

_WORDINGS = 16
_SHARES: dict[Kind, float] = {**KIND_SHARES, "category": 0.5}
"""Many photographs have one object that is annotated: its name alone soon says nothing new."""
_ABSENT_SHARE = 10  # one absent phrase for so many others


@dataclass
class Annotated:
    """What `annotate` made."""

    images: int = 0
    """Those that could be read, with phrases or without."""
    images_described: int = 0
    annotations: int = 0
    """Of the images that could be read."""
    objects: int = 0
    """Usable annotations: no crowds, tiny or touching objects, nothing in doubt."""
    described: int = 0
    """Usable objects that at least one phrase is about."""
    phrases: int = 0
    about_objects: int = 0
    """Phrases that mean one object."""
    distinct: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)
    """One line for each image left out, with the reason."""


def annotate(
    annotations: Path,
    images: Path | None,
    out: Path,
    *,
    segments: Path | None = None,
    per_object: int = 12,
    val_share: float = 0.0,
    seed: int = 0,
    limit: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Annotated:
    """Write a folder of images, instances and referring expressions, unambiguous by the file's own annotations.

    What is said of an image depends on the seed, the image and the categories of the file, not on other images,
    unless the file is partial (see `Sources`). A photograph with a faulty outline is left out whole: what nobody can
    see may be what a phrase is mistaken for.

    Args:
        annotations: a COCO instances or panoptic file.
        images: the folder of its photographs, by default `images` beside the file; linked into `out`, not copied,
            where the system can link.
        out: the folder to write; may be the file's own.
        segments: of a panoptic file, the folder of PNGs; by default the one called as the file.
        per_object: phrases to aim at for each usable object.
        val_share: share of the images that make the split `val`; the rest is `train`.
        seed: of the choice and wording of phrases, and of the split.
        limit: take only so many images.
        progress: called with every image.

    Raises:
        DataError: the file cannot be read, or nothing in it can be described.
        OutputError: `out` cannot be written to.
    """
    folder = images or annotations.parent / "images"
    if not folder.is_dir():
        raise DataError(f"no folder {folder}: give the folder of the photographs with --images")
    ensure_writable_folder(out)
    instances = _bring_instances(annotations, segments, out)
    _link_images(folder, out / "images")
    author = _Author(instances, folder, per_object, seed)
    chosen = list(author.of_image)[:limit]
    validation = _validation_images(chosen, val_share, seed)

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8") as file:
            for done, image_id in enumerate(chosen, 1):
                split = "val" if image_id in validation else "train"
                for phrase in author.phrases(image_id, split):
                    file.write(_line(instances.images[image_id].file_name, phrase, split) + "\n")
                progress(done, len(chosen))
        if author.result.phrases == 0:
            raise DataError(f"nothing in {annotations} can be described{_first(author.result.skipped)}")

    atomic_write(out / "expressions.jsonl", write)
    return author.result


class _Author:
    """Says what can be said of one image after another, and counts it."""

    def __init__(self, instances: Instances, folder: Path, per_object: int, seed: int) -> None:
        self.of_image: dict[int, list[int]] = defaultdict(list)
        for annotation_id, annotation in instances.annotations.items():
            self.of_image[annotation.image_id].append(annotation_id)
        self.result = Annotated()
        self._instances, self._folder, self._per_object, self._seed = instances, folder, per_object, seed
        self._names = Names(instances)
        self._sources = Sources(instances)
        self._texts: set[str] = set()

    def phrases(self, image_id: int, split: str) -> list[Phrase]:
        """The phrases chosen for an image; none for one that cannot be read."""
        partial = self._sources.is_partial(image_id)
        path = self._folder / self._instances.images[image_id].file_name
        try:
            image = load_sized_image(path, self._instances.images[image_id].size, str(self._instances.path))
            objects = scene_objects(self._instances, self.of_image[image_id], image, self._names, partial=partial)
        except DataError as error:
            self.result.skipped.append(str(error))
            return []
        rng = random.Random(f"{self._seed} {image_id}")
        chosen = self._choose(image_id, objects, partial, rng)
        self.result.annotations += len(self.of_image[image_id])
        self._count(objects, chosen, split)
        return chosen

    def _choose(self, image_id: int, objects: Sequence[SceneObject], partial: bool, rng: random.Random) -> list[Phrase]:
        annotations = [self._instances.annotations[key] for key in self.of_image[image_id]]
        absent = self._names.absent(image_id, annotations, self._sources)
        usable = sum(item.referable for item in objects)
        missing = None if partial else absent
        every = describe(objects, rng, absent=missing, wordings=_WORDINGS, redundant=1.0, is_photograph=True)
        said = [phrase for phrase in every if holds(phrase, objects, partial=partial)]
        present = [phrase for phrase in said if phrase.annotation_ids]
        phrases = choose(restyled(present, objects, rng), self._per_object * usable, rng, _SHARES)
        of_nothing = [phrase for phrase in said if not phrase.annotation_ids]
        if partial:  # of what is there, nobody knows all, so that only another thing is surely missing
            of_nothing = describe((), rng, absent=absent)
        return phrases + choose(of_nothing, -(-len(phrases) // _ABSENT_SHARE), rng)

    def _count(self, objects: Sequence[SceneObject], phrases: Sequence[Phrase], split: str) -> None:
        single = [phrase.annotation_ids for phrase in phrases if len(phrase.annotation_ids) == 1]
        self._texts.update(phrase.text for phrase in phrases)
        self.result.images += 1
        self.result.images_described += bool(phrases)
        self.result.objects += sum(item.referable for item in objects)
        self.result.described += len(set(single))
        self.result.phrases += len(phrases)
        self.result.about_objects += len(single)
        self.result.distinct = len(self._texts)
        self.result.kinds.update(phrase.kind for phrase in phrases)
        self.result.splits[split] += len(phrases)


def _validation_images(image_ids: Sequence[int], share: float, seed: int) -> frozenset[int]:
    """That share of the images, at least one where the share is not 0, whatever their order."""
    shuffled = sorted(image_ids, key=lambda image_id: hashlib.sha256(f"{seed} {image_id}".encode()).digest())
    count = round(share * len(shuffled))
    return frozenset(shuffled[: max(count, 1) if share > 0 and len(shuffled) > 1 else count])


def _line(file_name: str, phrase: Phrase, split: str) -> str:
    ids = list(phrase.annotation_ids)
    row = {"image": file_name, "phrase": phrase.text, "annotations": ids, "kind": phrase.kind, "split": split}
    return json.dumps(row, ensure_ascii=False)


def _bring_instances(annotations: Path, segments: Path | None, out: Path) -> Instances:
    """Read the annotations, with a copy of them, as an instances file, in `out`."""
    target = out / "instances.json"
    if is_panoptic(annotations):
        write_as_instances(annotations, segments or annotations.with_suffix(""), target)
    elif not (target.exists() and target.samefile(annotations)):
        read_instances(annotations)  # a faulty file is named as the user knows it, and not copied
        atomic_write(target, lambda path: shutil.copyfile(annotations, path))
    return read_instances(target)


def _link_images(folder: Path, target: Path) -> None:
    if target.exists() and target.samefile(folder):
        return
    if target.exists() and not target.is_symlink():
        raise OutputError(f"{target} is there already, with other images: choose another folder")
    target.unlink(missing_ok=True)
    try:
        target.symlink_to(folder.resolve(), target_is_directory=True)
    except OSError:
        _copy_images(folder, target)


def _copy_images(folder: Path, target: Path) -> None:
    """For systems and file systems without links."""
    try:
        shutil.copytree(folder, target)
    except OSError as error:
        raise OutputError(f"cannot copy {folder} to {target}: {error.strerror or error}") from error


def _first(lines: Sequence[str]) -> str:
    return f": {lines[0]}" if lines else ""
