"""COCO panoptic files, whose objects are colours in PNGs, as instances files with run-length codes."""

from pathlib import Path
from typing import Any

import numpy as np

from asgn.data.images import load_image
from asgn.data.instances import safe_relative
from asgn.data.jsonfile import is_integer
from asgn.data.masks import encode_rle
from asgn.errors import DataError


def is_panoptic(document: Any) -> bool:
    """Whether a parsed annotation file is of the panoptic kind."""
    annotations = document.get("annotations") if isinstance(document, dict) else None
    return isinstance(annotations, list) and bool(annotations) and "segments_info" in annotations[0]


def panoptic_to_instances(document: dict[str, Any], segments: Path, where: str) -> dict[str, Any]:
    """The same images and objects as a COCO instances file; objects are numbered anew, from 1.

    Args:
        document: the parsed panoptic file.
        segments: the folder of its PNGs, whose pixels hold ids as R + 256 G + 65536 B.
        where: what errors call the file.

    Raises:
        DataError: a PNG is missing or damaged, or an entry is faulty.
    """
    annotations: list[dict[str, Any]] = []
    for entry in document["annotations"]:
        name, infos = entry.get("file_name"), entry.get("segments_info")
        if not (isinstance(name, str) and safe_relative(name) and isinstance(infos, list)):
            raise DataError(f"{where}: an annotation without file_name and segments_info")
        colours = load_image(segments / name).astype(np.int64)
        ids = colours @ np.array([1, 256, 65536])
        for info in infos:
            if not isinstance(info, dict) or not all(is_integer(info.get(key)) for key in ("id", "category_id")):
                raise DataError(f"{where}: a segment of {name} without id and category_id")
            mask = ids == info["id"]
            if not mask.any():
                raise DataError(f"{where}: {segments / name} has no pixel of segment {info['id']}")
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": entry.get("image_id"),
                    "category_id": info["category_id"],
                    "iscrowd": info.get("iscrowd", 0),
                    "area": int(mask.sum()),
                    "segmentation": encode_rle(mask),
                }
            )
    return {"images": document.get("images"), "annotations": annotations, "categories": document.get("categories")}
