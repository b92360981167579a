"""From any instances or panoptic file to a referring data set of the user's own (see `own.py`)."""

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from asgn.data.annotated_objects import Nouns, scene_objects
from asgn.data.expressions import Phrase, choose, describe
from asgn.data.images import load_image
from asgn.data.instances import Instances, read_instances
from asgn.data.jsonfile import read_json
from asgn.data.panoptic import is_panoptic, panoptic_to_instances
from asgn.data.refer import check_image_size
from asgn.errors import DataError, OutputError
from asgn.files import atomic_write_json, atomic_write_text, ensure_writable_folder

_WORDINGS = 4
_ABSENT_SHARE = 10  # one absent phrase for so many others


@dataclass
class Annotated:
    """What `annotate` made."""

    images: int = 0
    objects: int = 0
    """Usable ones: no crowds, tiny or touching objects."""
    described: int = 0
    """Usable objects that at least one phrase is about."""
    phrases: int = 0
    about_objects: int = 0
    """Phrases that mean one object."""
    distinct: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)
    """One line for each image left out, with the reason."""


def annotate(
    annotations: Path,
    images: Path,
    out: Path,
    *,
    segments: Path | None = None,
    per_object: int = 8,
    val_share: float = 0.0,
    seed: int = 0,
    limit: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Annotated:
    """Write a folder of images, instances and referring expressions, unambiguous by the file's own annotations.

    Args:
        annotations: a COCO instances or panoptic file.
        images: the folder of its photographs; linked into `out`, not copied, where the system can link.
        out: the folder to write.
        segments: of a panoptic file, the folder of PNGs; by default the one called as the file.
        per_object: phrases to aim at for each usable object.
        val_share: share of the images that make the split `val`; the rest is `train`.
        seed: of the choice and wording of phrases.
        limit: take only so many images.
        progress: called with every image.

    Raises:
        DataError: the file cannot be read, or nothing in it can be described.
        OutputError: `out` cannot be written to.
    """
    if not images.is_dir():
        raise DataError(f"no folder {images}: give the folder of the photographs with --images")
    ensure_writable_folder(out)
    instances = _bring_instances(annotations, segments, out)
    _link_images(images, out / "images")
    nouns = Nouns(instances)
    of_image: dict[int, list[int]] = {}
    for annotation_id, annotation in instances.annotations.items():
        of_image.setdefault(annotation.image_id, []).append(annotation_id)
    chosen = list(of_image)[:limit]
    result = Annotated()
    texts: set[str] = set()
    lines: list[str] = []
    for done, image_id in enumerate(chosen, 1):
        rng = random.Random(f"{seed} {image_id}")
        split = "val" if rng.random() < val_share else "train"
        try:
            phrases = _describe(instances, image_id, of_image[image_id], images, nouns, per_object, rng, result)
        except DataError as error:
            result.skipped.append(str(error))
            continue
        for phrase in phrases:
            texts.add(phrase.text)
            lines.append(_line(instances.images[image_id].file_name, phrase, split))
        progress(done, len(chosen))
    if not lines:
        raise DataError(f"nothing in {annotations} can be described{_first(result.skipped)}")
    result.phrases, result.distinct = len(lines), len(texts)
    atomic_write_text(out / "expressions.jsonl", "\n".join(lines) + "\n")
    return result


def _describe(
    instances: Instances,
    image_id: int,
    annotation_ids: list[int],
    folder: Path,
    nouns: Nouns,
    per_object: int,
    rng: random.Random,
    result: Annotated,
) -> list[Phrase]:
    path = folder / instances.images[image_id].file_name
    image = check_image_size(load_image(path), instances, image_id, path)
    objects = scene_objects(instances, annotation_ids, image, nouns)
    usable = sum(item.referable for item in objects)
    # of a lone object there is little to say that is needed to find it, so the rest is said too
    redundant = 1.0 if usable == 1 else 0.3
    said = describe(objects, rng, absent=nouns.absent, wordings=_WORDINGS, redundant=redundant)
    present = [phrase for phrase in said if phrase.annotation_ids]
    phrases = choose(present, per_object * usable, rng)
    absent = [phrase for phrase in said if not phrase.annotation_ids]
    phrases += choose(absent, -(-len(phrases) // _ABSENT_SHARE), rng)
    single = [phrase.annotation_ids for phrase in phrases if len(phrase.annotation_ids) == 1]
    result.images += 1
    result.objects += usable
    result.described += len(set(single))
    result.about_objects += len(single)
    result.kinds.update(phrase.kind for phrase in phrases)
    return phrases


def _line(file_name: str, phrase: Phrase, split: str) -> str:
    ids = list(phrase.annotation_ids)
    row = {"image": file_name, "phrase": phrase.text, "annotations": ids, "kind": phrase.kind, "split": split}
    return json.dumps(row, ensure_ascii=False)


def _bring_instances(annotations: Path, segments: Path | None, out: Path) -> Instances:
    """Read the annotations, with a copy of them, as an instances file, in `out`."""
    target = out / "instances.json"
    document = read_json(annotations)
    if is_panoptic(document):
        folder = segments or annotations.with_suffix("")
        atomic_write_json(target, panoptic_to_instances(document, folder, str(annotations)))
        return read_instances(target)
    del document
    instances = read_instances(annotations)
    if target.exists() and target.samefile(annotations):
        return instances
    target.unlink(missing_ok=True)
    try:
        shutil.copyfile(annotations, target)
    except OSError as error:
        raise OutputError(f"cannot copy {annotations} to {out}: {error.strerror}") from error
    return instances


def _link_images(images: Path, target: Path) -> None:
    if target.is_symlink():
        target.unlink()
    if target.exists():
        if target.samefile(images):
            return
        raise OutputError(f"{target} is there already, with other images: choose another folder")
    try:
        os.symlink(images.resolve(), target, target_is_directory=True)
    except OSError:
        shutil.copytree(images, target)


def _first(lines: list[str]) -> str:
    return f": {lines[0]}" if lines else ""
