"""COCO panoptic files, whose objects are colours in PNGs, as instances files with run-length codes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from asgn.data.files.faults import EntryError, flag_of, number_of
from asgn.data.files.images import load_image
from asgn.data.files.json_file import parse_json, read_bytes
from asgn.data.files.masks import encode_rle
from asgn.errors import DataError
from asgn.files import atomic_write, safe_relative


def is_panoptic(path: Path) -> bool:
    """Whether an annotation file is of the panoptic kind.

    Raises:
        DataError: the file cannot be read.
    """
    return b'"segments_info"' in read_bytes(path)


def write_as_instances(panoptic: Path, segments: Path, target: Path) -> None:
    """Write the same images and objects as a COCO instances file, an annotation at a time.

    Objects are numbered again, from 1: their ids in a panoptic file are unique in an image only.

    Args:
        panoptic: the JSON file.
        segments: the folder of its PNGs, whose pixels hold ids as R + 256 G + 65536 B.
        target: the file to write.

    Raises:
        DataError: the file is no panoptic one, an entry is faulty, or a PNG is missing or damaged.
        OutputError: `target` cannot be written.
    """
    document = parse_json(read_bytes(panoptic), str(panoptic))
    entries = document.get("annotations") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise DataError(f"{panoptic} is not a COCO panoptic file: it has no list 'annotations'")
    if not segments.is_dir():
        raise DataError(f"no folder {segments}: give the folder of the panoptic PNGs with --segments")

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8") as file:
            rest = {key: document.get(key) for key in ("info", "licenses", "images", "categories") if key in document}
            file.write(json.dumps(rest)[:-1] + ', "annotations": [')
            for number, annotation in enumerate(_annotations(entries, segments, str(panoptic)), 1):
                file.write(("" if number == 1 else ",\n") + json.dumps({"id": number, **annotation}))
            file.write("]}\n")

    atomic_write(target, write)


def _annotations(entries: list[Any], segments: Path, where: str) -> Iterator[dict[str, Any]]:
    for number, entry in enumerate(entries, 1):
        name = entry.get("file_name") if isinstance(entry, dict) else None
        infos = entry.get("segments_info") if isinstance(entry, dict) else None
        if not (isinstance(name, str) and safe_relative(name) and isinstance(infos, list)):
            raise DataError(f"{where}: annotation entry {number} has no file_name or no segments_info")
        colours = load_image(segments / name).astype(np.int64)
        ids = colours @ np.array([1, 256, 65536])  # (H, W, 3) @ (3,) -> (H, W)
        for info in infos:
            try:
                if not isinstance(info, dict):
                    raise EntryError("it is no object")
                segment, category = number_of(info, "id"), number_of(info, "category_id")
                image_id, crowd = number_of(entry, "image_id"), flag_of(info, "iscrowd")
            except EntryError as error:
                raise DataError(f"{where}: a segment of {name}: {error}") from error
            mask = ids == segment
            if not mask.any():
                raise DataError(f"{where}: {segments / name} has no pixel of segment {segment}")
            yield {
                "image_id": image_id,
                "category_id": category,
                "iscrowd": int(crowd),
                "area": int(mask.sum()),
                "segmentation": encode_rle(mask),
            }
