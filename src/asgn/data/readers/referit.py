"""ReferItGame from its public layout: queries, image sizes, photographs and `.mat` masks (protocol section 1)."""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat, whosmat

from asgn.data.files.faults import Report, phrase_fault, stop
from asgn.data.files.images import MAX_PIXELS, load_image
from asgn.data.files.json_file import read_bytes, read_json
from asgn.data.files.recent_arrays import RecentArrays
from asgn.data.types import Expression, Image, Mask
from asgn.errors import DataError

SPLITS = ("train", "val", "trainval", "test")
"""The paper trains on `trainval`."""

_TEXT_FOLDERS = ("", "data")
_PICTURE_FOLDERS = ("", "referit-dataset", "data/referit-dataset")
_REGIONS_OF_AN_IMAGE = 1000
_MASK_VARIABLE = "segimg_t"
_MAX_MASK_BYTES = 64 << 20
_IMAGES_HELD = 8


class ReferItGame:
    """One split of ReferItGame, as a `ReferringDataset`.

    Region k of image i has the annotation id 1000 i + k. Photographs and masks are needed only once they are
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
        self.split = split
        self.sizes = read_sizes(root)
        self._queries = queries_path(root, split)
        self.expressions: Sequence[Expression] = read_queries(self._queries, self.sizes, report)
        self._pictures = picture_folder(root)
        self._recent: RecentArrays[int, Image] = RecentArrays(_IMAGES_HELD)

    def image_path(self, image_id: int) -> Path:
        """Where the photograph is expected."""
        return self._pictures / "images" / f"{image_id}.jpg"

    def mask_path(self, annotation_id: int) -> Path:
        """Where the mask of a region is expected."""
        image_id, region = divmod(annotation_id, _REGIONS_OF_AN_IMAGE)
        return self._pictures / "mask" / f"{image_id}_{region}.mat"

    def image(self, image_id: int) -> Image:
        """(H, W, 3) uint8 RGB.

        Raises:
            DataError: the file is missing or damaged, or not of the size in `referit_imsize.json`.
        """
        return self._recent.get(image_id, lambda: self._read_image(image_id))

    def mask(self, expression: Expression) -> Mask:
        """(H, W) bool.

        Raises:
            DataError: the mask is missing or damaged, or not of the size in `referit_imsize.json`.
        """
        (annotation_id,) = expression.annotation_ids
        return read_mat_mask(self.mask_path(annotation_id), self.sizes.get(expression.image_id))

    def fingerprint(self) -> str:
        """SHA-256 over the split's queries and name."""
        return hashlib.sha256(self.split.encode() + read_bytes(self._queries)).hexdigest()

    def _read_image(self, image_id: int) -> Image:
        path = self.image_path(image_id)
        image, size = load_image(path), self.sizes.get(image_id)
        if size is not None and image.shape[:2] != size:
            raise DataError(f"{path} is {_by(image.shape[:2])}, but referit_imsize.json says {_by(size)}")
        return image


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
    path = _text_folder(root) / "referit_imsize.json"
    if not path.exists():
        return {}
    sizes: dict[int, tuple[int, int]] = {}
    for name, size in _read_object(path).items():
        image_id = _decimal(name.removesuffix(".jpg"))
        if image_id is None or not isinstance(size, list) or [type(side) for side in size] != [int, int]:
            raise DataError(f"{path}: entry {name!r} should be an image name with [width, height]")
        width, height = size
        if width < 1 or height < 1 or width * height > MAX_PIXELS:
            raise DataError(f"{path}: image {name!r} cannot have the size {width}x{height}")
        sizes[image_id] = height, width
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
        region = _parse_key(key)
        if region is None or not isinstance(texts, list):
            report(f"{path}: entry {key!r} should be <image>_<region> with a list of texts")
        elif sizes and region[0] not in sizes:
            report(f"{path}: entry {key!r}: no image {region[0]}.jpg in referit_imsize.json")
        else:
            expressions += _of_region(region, texts, len(expressions), f"{path}: entry {key!r}", report)
    return expressions


def _of_region(
    region: tuple[int, int], texts: list[Any], first: int, where: str, report: Report
) -> Iterator[Expression]:
    image_id, number = region
    annotation_id = image_id * _REGIONS_OF_AN_IMAGE + number
    for offset, text in enumerate(texts):
        fault = phrase_fault(text)
        if fault:
            report(f"{where}: {fault}")
        else:
            yield Expression(first + offset, annotation_id, image_id, (annotation_id,), text)


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
            raise DataError(f"{path} is {_by(shape)}, but its image is {_by(size)}")
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
    document = read_json(path)
    if not isinstance(document, dict):
        raise DataError(f"{path} should hold a JSON object")
    return document


def _parse_key(key: str) -> tuple[int, int] | None:
    image, _, region = key.removesuffix(".png").partition("_")  # early releases name the mask's file
    image_id, number = _decimal(image), _decimal(region)
    if image_id is None or number is None or number >= _REGIONS_OF_AN_IMAGE:
        return None
    return image_id, number


def _decimal(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _by(size: Sequence[int]) -> str:
    return f"{size[1]}x{size[0]}"
