"""Packed data: a split's images and masks at the training size, in memory-mapped arrays.

Reading from it costs no decoding. A packed folder holds images.npy, (I, S, S, 3) uint8, masks.npy, (M, B) uint8 of one
bit a pixel, and an index in JSON. It is written beside its place and renamed when it is whole, and it names its format
and the fingerprint of its source: after a change of either it is made again.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from asgn.data.by_image import by_referent, image_ids
from asgn.data.transforms import resize_and_pad_image, resize_and_pad_mask
from asgn.data.types import Expression, Image, ImagesOnDisk, Mask, ReferringDataset
from asgn.errors import DataError
from asgn.files import atomic_folder, check_room, ensure_writable_folder, remove
from asgn.progress import Progress, silent

_FORMAT = 2  # raised with the layout, and with any change of the transforms

_IMAGES, _MASKS, _INDEX = "images.npy", "masks.npy", "index.json"
_INDEX_BYTES = 100  # of the index, for each referent, with room to spare


class PackedDataset:
    """A split whose images and masks are squares read from a packed folder, as a `ReferringDataset`.

    For training only: scores are taken at each image's own size, which the folder no longer has. `source` is the split
    that was packed; worker processes do without it.
    """

    def __init__(self, source: ReferringDataset, path: Path) -> None:
        """Open the packed folder of `source`; `open_packed` makes it where needed.

        Raises:
            DataError: the folder is missing, damaged, of another format, or of another source.
        """
        self.source = source
        self.name = source.name
        self.split = source.split
        self.expressions: Sequence[Expression] = source.expressions
        self._path = path
        index, self._images, self._masks = _open(path)
        self.side: int = index["side"]
        if index["fingerprint"] != source_fingerprint(source, self.side):
            raise DataError(f"{path} was packed from other data")
        self._fingerprint: str = index["source"]
        self._image_rows = {image_id: row for row, image_id in enumerate(index["images"])}
        self._mask_rows = {(key[0], tuple(key[1])): row for row, key in enumerate(index["masks"])}

    def image(self, image_id: int) -> Image:
        """(S, S, 3) uint8 RGB, padded with zeros to the square.

        Raises:
            DataError: no image has this id.
        """
        if image_id not in self._image_rows:
            raise DataError(f"{self._path} has no image with id {image_id}")
        return np.array(self._images[self._image_rows[image_id]])

    def mask(self, expression: Expression) -> Mask:
        """(S, S) bool.

        Raises:
            DataError: no mask was packed for the expression.
        """
        row = self._mask_rows.get((expression.image_id, expression.annotation_ids))
        if row is None:
            raise DataError(f"{self._path} has no mask for expression {expression.sentence_id}")
        bits = np.unpackbits(self._masks[row], count=self.side * self.side)
        return bits.view(np.bool_).reshape(self.side, self.side)

    def fingerprint(self) -> str:
        """That of the source."""
        return self._fingerprint

    def __getstate__(self) -> dict[str, Any]:
        # a memory map would travel to worker processes as a copy of the whole file, the source with all annotations
        return {key: value for key, value in self.__dict__.items() if key not in ("source", "_images", "_masks")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        _, self._images, self._masks = _open(self._path)


def open_packed(
    source: ReferringDataset,
    folder: Path,
    side: int,
    *,
    progress: Progress = silent,
    say: Callable[[str], None] = lambda text: None,
) -> PackedDataset:
    """The packed form of a split, made on first use and whenever its source or the format has changed.

    Args:
        source: the split.
        folder: where packed splits are kept, one a split and size; created if needed.
        side: S, the side of the network's square.
        progress: called with every image while packing.
        say: takes the reason why a split that is there is packed again.

    Raises:
        DataError: an image or mask of the source cannot be read.
        OutputError: the disk has no room, or the folder cannot be written to.
    """
    path = packed_path(source, folder, side)
    try:
        return PackedDataset(source, path)
    except DataError as error:
        if path.exists():
            say(f"{error}: packing it again")
        pack(source, path, side, progress=progress)
    return PackedDataset(source, path)


def packed_path(source: ReferringDataset, folder: Path, side: int) -> Path:
    """The folder that a split is packed to."""
    safe = re.sub(r"[^\w+-]", "_", f"{source.name}-{source.split}-{side}")
    return folder / f"{safe}.pack"


def pack(source: ReferringDataset, path: Path, side: int, *, progress: Progress = silent) -> None:
    """Write the packed folder of a split.

    Raises:
        DataError: an image or mask of the source cannot be read; nothing is written.
        OutputError: the disk has no room, or the folder cannot be written to.
    """
    ensure_writable_folder(path.parent)
    _remove_leftovers(path)
    of_image = by_referent(source.expressions)
    referents = [(image_id, objects) for image_id, expressions in of_image.items() for objects in expressions]
    mask_bytes = (side * side + 7) // 8
    check_room(path.parent, len(of_image) * side * side * 3 + len(referents) * (mask_bytes + _INDEX_BYTES))

    def write(folder: Path) -> None:
        images = open_memmap(folder / _IMAGES, "w+", np.uint8, (len(of_image), side, side, 3))
        masks = open_memmap(folder / _MASKS, "w+", np.uint8, (len(referents), mask_bytes))
        row = 0
        for done, (image_id, expressions) in enumerate(of_image.items(), 1):
            image = torch.from_numpy(source.image(image_id)).permute(2, 0, 1)
            images[done - 1] = resize_and_pad_image(image, side).permute(1, 2, 0).numpy()
            for expression in expressions.values():
                mask = resize_and_pad_mask(torch.from_numpy(source.mask(expression)), side)
                masks[row] = np.packbits(mask.numpy())
                row += 1
            progress(done, len(of_image))
        images.flush()
        masks.flush()
        index = {
            "format": _FORMAT,
            "side": side,
            "fingerprint": source_fingerprint(source, side),
            "source": source.fingerprint(),
            "images": list(of_image),
            "masks": referents,
        }
        text = json.dumps(index, separators=(",", ":"))
        (folder / _INDEX).write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}\n")

    atomic_folder(path, write)


def source_fingerprint(source: ReferringDataset, side: int) -> str:
    """Changes with the annotations, with any image file's size or time, with the side, and with the format."""
    digest = hashlib.sha256(f"{_FORMAT} {side} {source.fingerprint()}".encode())
    if isinstance(source, ImagesOnDisk):
        for image_id in image_ids(source.expressions):
            try:
                status = os.stat(source.image_path(image_id))
            except OSError:
                continue  # reading it will say what is wrong
            digest.update(f"{image_id} {status.st_size} {status.st_mtime_ns};".encode())
    return digest.hexdigest()


def _open(path: Path) -> tuple[dict[str, Any], NDArray[np.uint8], NDArray[np.uint8]]:
    """The index, (I, S, S, 3) images and (M, B) masks of a packed folder, checked to be whole."""
    if path.is_file():
        raise DataError(f"{path} is of an earlier format")
    try:
        digest, text, rest = (path / _INDEX).read_text().split("\n")
        images, masks = open_memmap(path / _IMAGES, "r"), open_memmap(path / _MASKS, "r")
        sizes = [(path / name).stat().st_size for name in (_IMAGES, _MASKS)]
    except OSError as error:
        raise DataError(f"cannot read {error.filename or path}: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error})") from error
    whole = sizes == [array.offset + array.nbytes for array in (images, masks)]
    if not whole or rest or hashlib.sha256(text.encode()).hexdigest() != digest:
        raise DataError(f"{path} is damaged")
    index = json.loads(text)
    if index["format"] != _FORMAT:
        raise DataError(f"{path} is of format {index['format']}, not {_FORMAT}")
    return index, np.asarray(images), np.asarray(masks)


def _remove_leftovers(path: Path) -> None:
    """Remove what processes that no longer run left of this folder when they were killed."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        process = leftover.name.removesuffix(".tmp").rpartition(".")[2]
        if process.isdecimal() and not _runs(int(process)):
            remove(leftover)


def _runs(process: int) -> bool:
    if os.name != "posix":
        return True  # elsewhere, signal 0 would not ask but end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
