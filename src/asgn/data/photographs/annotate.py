"""From any instances or panoptic file to a referring data set of the user's own (see `own.py`)."""

import contextlib
import hashlib
import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from asgn.data.readers.own import lists_in
from asgn.errors import DataError, OutputError
from asgn.files import ensure_writable_folder
from asgn.progress import Progress, silent

_WORDINGS = 16
_SHARES: dict[Kind, float] = {**KIND_SHARES, "category": 0.5}
"""Many photographs have one object that is annotated: its name alone soon says nothing new."""
_ABSENT_SHARE = 10  # one absent phrase for this many others


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
    left_out: Counter[str] = field(default_factory=Counter)
    """Annotations of which nothing is said, by the reason."""
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
    progress: Progress = silent,
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
        limit: take at most this many images.
        progress: called with every image.

    Raises:
        DataError: the file cannot be read, or nothing in it can be described.
        OutputError: `out` cannot be written to.
    """
    folder = images or annotations.parent / "images"
    if not folder.is_dir():
        raise DataError(f"no folder {folder}: give the folder of the photographs with --images")
    with _staging(out, folder) as staging:
        instances = _bring_instances(annotations, segments, staging, out)
        author = _Author(instances, folder, per_object, seed)
        chosen = list(instances.annotation_ids)[:limit]
        validation = _validation_images(chosen, val_share, seed)
        with (staging / "expressions.jsonl").open("w", encoding="utf-8", errors="backslashreplace") as file:
            for done, image_id in enumerate(chosen, 1):
                split = "val" if image_id in validation else "train"
                for phrase in author.phrases(image_id, split):
                    file.write(_line(instances.images[image_id].file_name, phrase, split) + "\n")
                progress(done, len(chosen))
        if author.result.phrases == 0:
            raise DataError(f"nothing in {annotations} can be described: {_why_nothing(author.result)}")
    return author.result


@contextmanager
def _staging(out: Path, images: Path) -> Iterator[Path]:
    """A folder in `out` whose files, and a link to the images, are put in place together once all are written.

    Where anything fails before, what `out` held stays as it was.
    """
    is_new = not out.exists()
    ensure_writable_folder(out)
    staging = out / f".expressions.{os.getpid()}.tmp"
    try:
        _check_free(out, images)
        staging.mkdir()
        yield staging
        if not (out / "images").exists() or not (out / "images").samefile(images):
            _link_or_copy(images, staging / "images")
        for each in sorted(staging.iterdir(), key=lambda path: path.name == "expressions.jsonl"):
            os.replace(each, out / each.name)
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):
                out.rmdir()  # which only an empty folder allows


def _check_free(out: Path, images: Path) -> None:
    """Raise OutputError where `out` holds other images, or another list that would be read in place of the new one."""
    target = out / "images"
    if target.exists() and not target.is_symlink() and not target.samefile(images):
        raise OutputError(f"{target} is there already, with other images: choose another folder")
    others = [path for path in lists_in(out) if path.name != "expressions.jsonl"]
    if others:
        raise OutputError(f"{others[0]} is there already, another list of expressions: choose another folder")


def _link_or_copy(folder: Path, target: Path) -> None:
    try:
        target.symlink_to(folder.resolve(), target_is_directory=True)
    except OSError:  # systems and file systems without links
        shutil.copytree(folder, target)


def _why_nothing(result: Annotated) -> str:
    reasons = [f"{count:,} annotations are {reason}" for reason, count in result.left_out.most_common()]
    if result.skipped:
        reasons.append(f"{len(result.skipped):,} images are left out ({result.skipped[0]})")
    if result.objects:
        reasons.append(f"nothing surely fits one of the {result.objects:,} other objects alone")
    return "; ".join(reasons) or "it has no annotations"


class _Author:
    """Says what can be said of one image after another, and counts it."""

    def __init__(self, instances: Instances, folder: Path, per_object: int, seed: int) -> None:
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
            own = self._instances.annotation_ids[image_id]
            objects, left_out = scene_objects(self._instances, own, image, self._names, partial=partial)
        except DataError as error:
            self.result.skipped.append(str(error))
            return []
        rng = random.Random(f"{self._seed} {image_id}")
        chosen = self._choose(image_id, objects, partial, rng)
        self.result.annotations += len(own)
        self.result.left_out += left_out
        self._count(objects, chosen, split)
        return chosen

    def _choose(self, image_id: int, objects: Sequence[SceneObject], partial: bool, rng: random.Random) -> list[Phrase]:
        annotations = [self._instances.annotations[key] for key in self._instances.annotation_ids[image_id]]
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


def _bring_instances(annotations: Path, segments: Path | None, staging: Path, out: Path) -> Instances:
    """Read the annotations; put a copy of them, as an instances file, into `staging` unless `out` has them already."""
    target = staging / "instances.json"
    if is_panoptic(annotations):
        write_as_instances(annotations, segments or annotations.with_suffix(""), target)
        instances = read_instances(target)
    else:
        instances = read_instances(annotations)
        there = out / "instances.json"
        if not (there.exists() and there.samefile(annotations)):
            shutil.copyfile(annotations, target)
    instances.ids_by_name()  # refuses two images of one name, of which no line could say which it means
    return instances
