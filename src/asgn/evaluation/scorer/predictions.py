"""Anybody's masks for a split, matched with its expressions: COCO results, a folder of PNGs, or an NPZ.

| form | which expression | mask |
|---|---|---|
| `FILE.json` | `sentence_id`, or else `image_id` and `phrase` of each entry | `segmentation`: RLE or polygons |
| folder | `<sentence_id>.png` | everything above 0 is foreground |
| `FILE.npz` | array `<sentence_id>` | bool or integers: nonzero is foreground; floats: probabilities 0..1 |

Other names that the keys of an entry may have are in `SENTENCE_KEYS` and `PHRASE_KEYS`. Every mask has its image's own
size. Files are read when a mask is asked for, not before.
"""

import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from asgn.data.files.json_file import is_integer, read_json
from asgn.data.files.masks import decode_segmentation, encode_rle
from asgn.data.types import Expression, Mask
from asgn.errors import DataError
from asgn.evaluation.scorer.npz import npz_members, read_member

MaskReader = Callable[[int, int], NDArray[Any]]
"""Height and width of the image to a mask (H, W): bool, or floats 0..1."""

SENTENCE_KEYS = ("sentence_id", "sent_id", "expression_id")
"""What a COCO results entry may call the id of its expression; the first that is there counts."""

PHRASE_KEYS = ("phrase", "sentence", "sent", "expression")
"""What it may call the expression's words."""

_BYTES_OF_A_PIXEL = 16
_NUMBER = re.compile(r"-?\d+")


@dataclass(frozen=True)
class Predictions:
    """The masks that could be matched, and what could not be."""

    readers: Mapping[int, MaskReader]
    """By `sentence_id`."""
    missing: tuple[int, ...]
    """Expressions (`sentence_id`) without a mask."""
    extra: tuple[str, ...]
    """Masks of no expression of the split."""
    doubled: tuple[str, ...]
    """Masks beyond the first for the same expression; they are not used."""

    def mask(self, sentence_id: int, height: int, width: int) -> NDArray[Any] | None:
        """The mask of an expression, bool or floats 0..1; None where it is missing.

        Raises:
            DataError: it cannot be read, or is not of the image's size.
        """
        if sentence_id not in self.readers:
            return None
        mask = self.readers[sentence_id](height, width)
        if mask.shape != (height, width):
            raise DataError(
                f"mask of expression {sentence_id} has shape {mask.shape}, its image {(height, width)}: bring every "
                "mask to its image's own size"
            )
        return mask


def read_predictions(path: Path, expressions: Iterable[Expression]) -> Predictions:
    """Find the masks of a split's expressions.

    Raises:
        DataError: `path` is of no known form or is damaged, or no mask in it is of this split.
    """
    wanted = list(expressions)
    if path.is_dir():
        found = _match(wanted, _png_masks(path))
    elif path.suffix.lower() == ".npz":
        found = _match(wanted, _npz_masks(path))
    elif path.suffix.lower() == ".json":
        found = _match(wanted, _coco_masks(path))
    else:
        raise DataError(f"{path} is neither a folder of PNGs nor a .json or .npz file of masks")
    if not found.readers:
        raise DataError(f"no mask in {path} is of this split: check the split and the ids")
    return found


def coco_result(expression: Expression, mask: Mask) -> dict[str, Any]:
    """An entry of a COCO results list that `read_predictions` takes for the mask (H, W) of this expression."""
    return {
        "sentence_id": expression.sentence_id,
        "image_id": expression.image_id,
        "category_id": 1,
        "phrase": expression.text,
        "segmentation": encode_rle(mask),
        "score": 1.0,
    }


@dataclass(frozen=True)
class _Candidate:
    """A mask with what it says of itself: a sentence, or an image and a phrase."""

    name: str
    key: int | tuple[int, str] | None
    read: MaskReader


def _match(expressions: list[Expression], candidates: Iterable[_Candidate]) -> Predictions:
    """Give every expression its mask. Equal phrases of one image share one, or have one each, in order."""
    of_key: dict[int | tuple[int, str], list[int]] = defaultdict(list)
    for expression in expressions:
        of_key[expression.sentence_id].append(expression.sentence_id)
        of_key[expression.image_id, _normal(expression.text)].append(expression.sentence_id)
    readers: dict[int, MaskReader] = {}
    last: dict[tuple[int, str], MaskReader] = {}
    extra, doubled = [], []
    for candidate in candidates:
        sentences = of_key.get(candidate.key, []) if candidate.key is not None else []
        free = [sentence_id for sentence_id in sentences if sentence_id not in readers]
        if not sentences:
            extra.append(candidate.name)
        elif not free:
            doubled.append(candidate.name)
        else:
            readers[free[0]] = candidate.read
            if isinstance(candidate.key, tuple):
                last[candidate.key] = candidate.read
    for key, read in last.items():
        for sentence_id in of_key[key]:
            readers.setdefault(sentence_id, read)
    missing = (item.sentence_id for item in expressions if item.sentence_id not in readers)
    return Predictions(readers, tuple(missing), tuple(extra), tuple(doubled))


def _normal(text: str) -> str:
    return " ".join(text.lower().split())


def _coco_masks(path: Path) -> list[_Candidate]:
    entries = read_json(path)
    if not isinstance(entries, list):
        raise DataError(f"{path} is not a COCO results file: it must hold a list of entries")
    return [_coco_mask(entry, f"entry {index} of {path}") for index, entry in enumerate(entries)]


def _coco_mask(entry: Any, where: str) -> _Candidate:
    if not isinstance(entry, dict) or "segmentation" not in entry:
        raise DataError(f"{where} is not an object with a segmentation")
    id_key = next((name for name in SENTENCE_KEYS if name in entry), None)
    if id_key is not None and not is_integer(entry[id_key]):
        raise DataError(f"{where} has {id_key} {entry[id_key]!r}: it must be a whole number")
    image_id, phrase = entry.get("image_id"), next((entry[name] for name in PHRASE_KEYS if name in entry), None)
    key: int | tuple[int, str]
    if id_key is not None:
        key, name = entry[id_key], f"expression {entry[id_key]}"
    elif isinstance(image_id, int) and is_integer(image_id) and isinstance(phrase, str):
        key, name = (image_id, _normal(phrase)), f"{phrase!r} of image {image_id}"
    else:
        raise DataError(f"{where} says not what it is of: give it a sentence_id, or an image_id and a phrase")

    def read(height: int, width: int) -> NDArray[np.bool_]:
        return decode_segmentation(entry["segmentation"], height, width, where)

    return _Candidate(name, key, read)


def _png_masks(folder: Path) -> list[_Candidate]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".png")
    return [_Candidate(path.name, _number(path.stem), _png_reader(path)) for path in paths]


def _png_reader(path: Path) -> MaskReader:
    def read(height: int, width: int) -> NDArray[np.bool_]:
        try:
            with Image.open(path, formats=["PNG"]) as image:
                if image.size != (width, height) or image.mode not in ("1", "L", "P", "I;16", "I"):
                    raise DataError(
                        f"{path} is {image.size[0]}x{image.size[1]} in mode {image.mode}: a mask of this image must be "
                        f"{width}x{height} with one channel"
                    )
                mask: NDArray[np.bool_] = np.asarray(image) > 0
                return mask
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise DataError(f"cannot read mask {path}: {error}") from error

    return read


def _npz_masks(path: Path) -> list[_Candidate]:
    return [
        _Candidate(f"{path.name}[{name}]", _number(name), _npz_reader(path, name, member))
        for name, member in npz_members(path).items()
    ]


def _npz_reader(path: Path, name: str, member: zipfile.ZipInfo) -> MaskReader:
    def read(height: int, width: int) -> NDArray[Any]:
        values = read_member(path, member, most_bytes=_BYTES_OF_A_PIXEL * height * width)
        if values.dtype.kind == "f":
            if values.size and not (values.min() >= 0 and values.max() <= 1):
                raise DataError(f"array {name!r} of {path} is not of probabilities: it has values outside 0..1")
            return values
        if values.dtype.kind not in "bui":
            raise DataError(f"array {name!r} of {path} is of type {values.dtype}: expected bool, integers or floats")
        mask: NDArray[np.bool_] = values != 0
        return mask

    return read


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) and len(text) < 20 else None
