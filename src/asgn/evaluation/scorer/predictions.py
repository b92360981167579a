"""Anybody's masks for a split, matched with its expressions: COCO results, a folder of PNGs, or an NPZ.

| form | which expression | mask |
|---|---|---|
| `FILE.json` | `sentence_id`, or else `image_id` and `phrase` of each entry | `segmentation`: RLE or polygons |
| folder | `<sentence_id>.png` | everything above 0 is foreground |
| `FILE.npz` | array `<sentence_id>` | bool or integers: nonzero is foreground; floats: probabilities 0..1 |

Other names that the keys of an entry may have are in `SENTENCE_KEYS` and `PHRASE_KEYS`. An entry may say by
`no_target` that its phrase means nothing in the image, whatever its mask. Every mask has its image's own size. Files
are read when a mask is asked for, not before.
"""

import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from PIL import Image

from asgn.data.files.json_file import read_json, whole_number
from asgn.data.files.mask_images import load_mask
from asgn.data.files.masks import decode_segmentation, encode_rle
from asgn.data.types import Expression, Mask
from asgn.errors import DataError

MaskReader = Callable[[int, int], NDArray[Any]]
"""Height and width of the image to a mask (H, W): bool, or floats 0..1."""

SENTENCE_KEYS = ("sentence_id", "sent_id", "expression_id")
"""What a COCO results entry may call the id of its expression; the first that is there counts."""

PHRASE_KEYS = ("phrase", "sentence", "sent", "expression")
"""What it may call the expression's words."""

_BYTES_OF_A_PIXEL = 16
_MAX_NPY_HEADER = 1 << 16
_NUMBER = re.compile(r"-?\d+")


@dataclass(frozen=True)
class Predictions:
    """The masks that could be matched, and what could not be."""

    readers: Mapping[int, MaskReader]
    """By `sentence_id`."""
    no_target: Mapping[int, bool]
    """By `sentence_id`, of the masks that say so: whether the phrase means nothing in its image."""
    missing: tuple[int, ...]
    """Expressions (`sentence_id`) without a mask."""
    extra: tuple[str, ...]
    """Masks of no expression of the split."""
    doubled: tuple[str, ...]
    """Masks beyond the first for the same expression; they are not used."""
    archive: NpzFile | None = None
    """What masks of an NPZ are read from until this is closed."""

    def __enter__(self) -> "Predictions":
        return self

    def __exit__(self, *_: object) -> None:
        if self.archive is not None:
            self.archive.close()

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
    """Find the masks of a split's expressions. Use the result in a `with` statement, which closes an NPZ.

    Raises:
        DataError: `path` is of no known form or is damaged, or no mask in it is of this split.
    """
    wanted = list(expressions)
    if path.is_dir():
        found = _match(wanted, _png_masks(path))
    elif path.suffix.lower() == ".npz":
        archive = _open_npz(path)
        found = replace(_match(wanted, _npz_masks(archive, path)), archive=archive)
    elif path.suffix.lower() == ".json":
        found = _match(wanted, _coco_masks(path))
    else:
        raise DataError(f"{path} is neither a folder of PNGs nor a .json or .npz file of masks")
    if not found.readers:
        raise DataError(f"no mask in {path} is of this split: check the split and the ids")
    return found


def coco_result(expression: Expression, mask: Mask, no_target: bool | None = None) -> dict[str, Any]:
    """An entry of a COCO results list that `read_predictions` takes for the mask (H, W) of this expression.

    `no_target` is the model's answer that the phrase means nothing in the image, where it gives one beside the mask.
    """
    flag = {} if no_target is None else {"no_target": no_target}
    return {
        "sentence_id": expression.sentence_id,
        "image_id": expression.image_id,
        "category_id": 1,
        "phrase": expression.text,
        "segmentation": encode_rle(mask),
        "score": 1.0,
        **flag,
    }


@dataclass(frozen=True)
class _Candidate:
    """A mask with what it says of itself: a sentence, or an image and a phrase."""

    name: str
    key: int | tuple[int, str] | None
    read: MaskReader
    image_id: int | None = None
    """The image that an entry with a sentence id says it is of."""
    phrase: str | None = None
    """The phrase that it says it is of."""
    no_target: bool | None = None
    """Its own word on whether the phrase means nothing in the image."""


def _match(expressions: list[Expression], candidates: Iterable[_Candidate]) -> Predictions:
    """Give every expression its mask. Equal phrases of one image share one, or have one each, in order."""
    of_key: dict[int | tuple[int, str], list[int]] = defaultdict(list)
    for expression in expressions:
        of_key[expression.sentence_id].append(expression.sentence_id)
        of_key[expression.image_id, _normal(expression.text)].append(expression.sentence_id)
    by_id = {expression.sentence_id: expression for expression in expressions}
    matched: dict[int, _Candidate] = {}
    last: dict[tuple[int, str], _Candidate] = {}
    extra, doubled = [], []
    for candidate in candidates:
        sentences = of_key.get(candidate.key, []) if candidate.key is not None else []
        for sentence_id in sentences:
            _refuse_contradiction(candidate, by_id[sentence_id])
        free = [sentence_id for sentence_id in sentences if sentence_id not in matched]
        if not sentences:
            extra.append(candidate.name)
        elif not free:
            doubled.append(candidate.name)
        else:
            matched[free[0]] = candidate
            if isinstance(candidate.key, tuple):
                last[candidate.key] = candidate
    for key, candidate in last.items():
        for sentence_id in of_key[key]:
            matched.setdefault(sentence_id, candidate)
    readers = {sentence_id: candidate.read for sentence_id, candidate in matched.items()}
    flags = {key: found.no_target for key, found in matched.items() if found.no_target is not None}
    missing = (item.sentence_id for item in expressions if item.sentence_id not in readers)
    return Predictions(readers, flags, tuple(missing), tuple(extra), tuple(doubled))


def _refuse_contradiction(candidate: _Candidate, expression: Expression) -> None:
    """Raise DataError where an entry is of another image or phrase than the expression that has its sentence id."""
    same_image = candidate.image_id in (None, expression.image_id)
    same_phrase = candidate.phrase is None or _normal(candidate.phrase) == _normal(expression.text)
    if not (same_image and same_phrase):
        image = "" if candidate.image_id is None else f" of image {candidate.image_id}"
        phrase = "its phrase" if candidate.phrase is None else repr(candidate.phrase)
        raise DataError(
            f"the masks are of other data: {candidate.name} is {phrase}{image} there, but {expression.text!r} of image "
            f"{expression.image_id} in this split; score against the data that the masks were made for"
        )


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
    sentence_id = None if id_key is None else whole_number(entry[id_key])
    if id_key is not None and sentence_id is None:
        raise DataError(f"{where} has {id_key} {entry[id_key]!r}: it must be a whole number")
    is_sheet_row = "line" in entry  # a phrase sheet may number images in its own order
    image_id = None if is_sheet_row else whole_number(entry.get("image_id"))
    phrase = next((entry[name] for name in PHRASE_KEYS if isinstance(entry.get(name), str)), None)
    key: int | tuple[int, str]
    if sentence_id is not None:
        key, name = sentence_id, f"expression {sentence_id}"
    elif image_id is not None and phrase is not None:
        key, name = (image_id, _normal(phrase)), f"{phrase!r} of image {image_id}"
    else:
        raise DataError(f"{where} does not say what it is of: give it a sentence_id, or an image_id and a phrase")

    def read(height: int, width: int) -> NDArray[np.bool_]:
        if entry["segmentation"] in ([], [[]]):  # how tools write an empty mask as polygons
            return np.zeros((height, width), dtype=bool)
        return decode_segmentation(entry["segmentation"], height, width, where)

    return _Candidate(name, key, read, image_id, phrase, _flag(entry.get("no_target"), where))


def _flag(value: Any, where: str) -> bool | None:
    if value is None or value in (0, 1):
        return None if value is None else bool(value)
    raise DataError(f"{where} has no_target {value!r}: it must be true or false")


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
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise DataError(f"cannot read mask {path}: {error}") from error
        return load_mask(path)

    return read


def _open_npz(path: Path) -> NpzFile:
    try:
        archive = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    if not isinstance(archive, NpzFile):
        raise DataError(f"{path} is a single array, not an NPZ of one for each expression")
    return archive


def _npz_masks(archive: NpzFile, path: Path) -> list[_Candidate]:
    if archive.zip is None:
        raise ValueError(f"{path} is closed")
    members = {info.filename.removesuffix(".npy"): info for info in archive.zip.infolist()}
    return [
        _Candidate(f"{path.name}[{name}]", _number(name), _npz_reader(archive, info, f"array {name!r} of {path}"))
        for name, info in members.items()
    ]


def _npz_reader(archive: NpzFile, info: zipfile.ZipInfo, where: str) -> MaskReader:
    def read(height: int, width: int) -> NDArray[Any]:
        if info.file_size > _BYTES_OF_A_PIXEL * height * width + _MAX_NPY_HEADER:
            raise DataError(f"{where} has {info.file_size:,} bytes: too many for a mask of its image")
        try:
            values = np.asarray(archive[info.filename])
        except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"cannot read {where}: {error}") from error
        if values.dtype.kind == "f":
            if values.size and not (values.min() >= 0 and values.max() <= 1):
                raise DataError(f"{where} is not of probabilities: it has values outside 0..1")
            return values
        if values.dtype.kind not in "bui":
            raise DataError(f"{where} is of type {values.dtype}: expected bool, integers or floats")
        mask: NDArray[np.bool_] = values != 0
        return mask

    return read


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) and len(text) < 20 else None
