"""ReferItGame from its public layout: queries, image sizes, images and `.mat` masks (protocol section 1)."""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat, whosmat

from asgn.data.files.faults import EntryError, Report, check_phrase, stop
from asgn.data.files.images import by
from asgn.data.files.json_file import parse_json, read_bytes, whole_number
from asgn.data.files.pixels import MAX_PIXELS
from asgn.data.readers.folder import ImageFolder
from asgn.data.types import Expression, Mask
from asgn.errors import DataError

SPLITS = ("train", "val", "trainval", "test")
"""The paper trains on `trainval`."""

_TEXT_FOLDERS = ("", "data")
_PICTURE_FOLDERS = ("", "referit-dataset", "data/referit-dataset")
_REGIONS_OF_AN_IMAGE = 1000
_SIZES = "referit_imsize.json"
_IMAGE = re.compile(r"([0-9]{1,11})(?:\.jpg)?")
_REGION = re.compile(r"([0-9]{1,11})_([0-9]{1,3})(?:\.png)?")  # early releases name the mask's file
_MASK_VARIABLE = "segimg_t"
_MAX_MASK_BYTES = 64 << 20


class ReferItGame(ImageFolder):
    """One split of ReferItGame, as a `ReferringDataset`.

    Region k of image i has the annotation id 1000 i + k. Images and masks are needed only once they are
    asked for: the text release alone can be opened.
    """

    name = "referit"

    def __init__(self, root: Path, split: str, report: Report = stop) -> None:
        """Open the split.

        Args:
            root: the folder.
            split: one of `SPLITS`.
            report: takes each faulty query, which is then left out; the default raises DataError at the first.

        Raises:
            DataError: there is no such split, or its queries are missing or faulty.
        """
        queries, pictures = queries_path(root, split), picture_folder(root)
        super().__init__(split, pictures / "images", (queries,), _SIZES)
        self._masks = pictures / "mask"
        self.sizes = read_sizes(root)
        self.expressions = read_queries(queries, self.sizes, report)

    def file_name(self, image_id: int) -> str:
        """The image's path below the image folder."""
        return f"{image_id}.jpg"

    def size(self, image_id: int) -> tuple[int, int] | None:
        """(height, width) by `referit_imsize.json`; None where that is not there."""
        return self.sizes.get(image_id)

    def mask(self, expression: Expression) -> Mask:
        """(H, W) bool.

        Raises:
            DataError: the mask is missing or damaged, or not of the size in `referit_imsize.json`.
        """
        (annotation_id,) = expression.annotation_ids
        image_id, region = divmod(annotation_id, _REGIONS_OF_AN_IMAGE)
        return read_mat_mask(self._masks / f"{image_id}_{region}.mat", self.size(image_id))


def queries_path(root: Path, split: str) -> Path:
    """The queries file of a split.

    Raises:
        DataError: there is no such split.
    """
    if split not in SPLITS:
        raise DataError(f"referit has no split {split!r}: it has {', '.join(SPLITS)}")
    return _text_folder(root) / f"referit_query_{split}.json"


def available_splits(root: Path) -> tuple[str, ...]:
    """The splits whose queries are there.

    Raises:
        DataError: there are none.
    """
    there = tuple(split for split in SPLITS if queries_path(root, split).exists())
    if not there:
        raise DataError(f"{root} holds no referit_query_SPLIT.json: fetch the set with `asgn data fetch referit`")
    return there


def read_sizes(root: Path) -> dict[int, tuple[int, int]]:
    """(height, width) of each image, from `referit_imsize.json`; empty where that file is not there.

    Raises:
        DataError: the file is faulty.
    """
    path = _text_folder(root) / _SIZES
    if not path.exists():
        return {}
    sizes: dict[int, tuple[int, int]] = {}
    for name, size in _read_object(path).items():
        image = _IMAGE.fullmatch(name)
        sides = [whole_number(side) for side in size] if isinstance(size, list) else []
        if image is None or len(sides) != 2 or sides[0] is None or sides[1] is None:
            raise DataError(f"{path}: entry {name!r} should be an image name with [width, height]")
        width, height = sides[0], sides[1]
        if width < 1 or height < 1 or width * height > MAX_PIXELS:
            raise DataError(f"{path}: image {name!r} cannot have the size {width}x{height}")
        sizes[int(image[1])] = height, width
    return sizes


def read_queries(path: Path, sizes: Mapping[int, tuple[int, int]], report: Report = stop) -> list[Expression]:
    """The expressions of one queries file, in its order.

    Args:
        path: the JSON object from "<image>_<region>" to a list of texts.
        sizes: images that may be named; any when empty.
        report: takes each faulty entry, which is then left out; the default raises DataError at the first.

    Raises:
        DataError: the file cannot be read.
    """
    expressions: list[Expression] = []
    for key, texts in _read_object(path).items():
        where = f"{path}: entry {key!r}"
        region = _REGION.fullmatch(key)
        if region is None or not isinstance(texts, list) or not texts:
            report(f"{where} should be <image>_<region> with a list of texts")
            continue
        image_id, number = int(region[1]), int(region[2])
        if sizes and image_id not in sizes:
            report(f"{where}: no image {image_id}.jpg in {_SIZES}")
            continue
        annotation_id, first = image_id * _REGIONS_OF_AN_IMAGE + number, len(expressions)
        for offset, text in enumerate(texts):
            try:
                found = Expression(first + offset, annotation_id, image_id, (annotation_id,), check_phrase(text))
                expressions.append(found)
            except EntryError as fault:
                report(f"{where}: {fault}")
    return expressions


def read_mat_mask(path: Path, size: tuple[int, int] | None) -> Mask:
    """A region's mask: its pixels are the zeros of `segimg_t`.

    Args:
        path: of the MATLAB file.
        size: (height, width) that it must have, where known.

    Returns:
        (H, W) bool.

    Raises:
        DataError: the file is missing, damaged, without that variable, or of another size.
    """
    try:
        if path.stat().st_size > _MAX_MASK_BYTES:
            raise DataError(f"{path} is too large for the mask of one region")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"no mask at {path}: see the data page for where to get the ReferItGame masks") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    try:
        shapes = {name: shape for name, shape, _ in whosmat(io.BytesIO(data))}
        shape = shapes.get(_MASK_VARIABLE)
        if shape is None or len(shape) != 2 or shape[0] * shape[1] > MAX_PIXELS:
            raise DataError(f"{path} holds no mask: it should have a matrix {_MASK_VARIABLE}")
        if size is not None and shape != size:
            raise DataError(f"{path} is {by((shape[0], shape[1]))}, but its image is {by(size)}")
        values = loadmat(io.BytesIO(data), variable_names=[_MASK_VARIABLE])[_MASK_VARIABLE]
        return np.ascontiguousarray(values == 0)
    except DataError:
        raise
    except Exception as error:  # scipy's reader fails on damaged files in any way
        raise DataError(f"{path} is damaged: {' '.join(str(error).split()) or type(error).__name__}") from error


def _text_folder(root: Path) -> Path:
    candidates = [root / folder for folder in _TEXT_FOLDERS]
    return next((folder for folder in candidates if any(folder.glob("referit_query_*.json"))), root)


def picture_folder(root: Path) -> Path:
    """The folder that holds `images` and `mask`."""
    candidates = [root / folder for folder in _PICTURE_FOLDERS]
    return next((folder for folder in candidates if (folder / "images").is_dir()), root)


def _read_object(path: Path) -> dict[str, Any]:
    document = parse_json(read_bytes(path), str(path), unique=True)
    if not isinstance(document, dict):
        raise DataError(f"{path} should hold a JSON object")
    return document
