"""Packed data: a split's images and masks at the training size in one memory-mapped file.

Reading from it costs no decoding. The file starts with a header of fixed size, then come the images, (S, S, 3) uint8
each, the masks, one bit a pixel, and an index as JSON. It is written beside its place and renamed when it is whole,
and it names the fingerprint of its source: after a change of either it is made again.
"""

import hashlib
import json
import os
import re
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from asgn.data.by_image import by_referent, image_ids
from asgn.data.transforms import resize_and_pad_image, resize_and_pad_mask
from asgn.data.types import Expression, Image, ImagesOnDisk, Mask, ReferringDataset
from asgn.errors import DataError
from asgn.files import atomic_write, check_room, ensure_writable_folder

_MAGIC = b"ASGNPACK"
_VERSION = 1  # raised with the format, and with any change of the transforms
_HEADER = struct.Struct("<8sIIQQQ32s")  # magic, version, side, images, masks, bytes of the index, its SHA-256

Progress = Callable[[int, int], None]
"""Takes images done and images in all."""


class PackedDataset:
    """A split whose images and masks are squares read from a packed file, as a `ReferringDataset`.

    For training only: scores are taken at each image's own size, which the file no longer has. `source` is the split
    that was packed; worker processes do without it.
    """

    def __init__(self, source: ReferringDataset, path: Path) -> None:
        """Open the packed file of `source`; `open_packed` makes it where needed.

        Raises:
            DataError: the file is missing, damaged, or of another source.
        """
        self.source = source
        self.name = source.name
        self.split = source.split
        self.expressions: Sequence[Expression] = source.expressions
        self._path = path
        self.side, index, self._images, self._masks = _open(path)
        if index["fingerprint"] != source_fingerprint(source, self.side):
            raise DataError(f"{path} was packed from other data: pack it again")
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
        _, _, self._images, self._masks = _open(self._path)


def open_packed(
    source: ReferringDataset, folder: Path, side: int, *, progress: Progress = lambda done, total: None
) -> PackedDataset:
    """The packed form of a split, made on first use and whenever its source has changed.

    Args:
        source: the split.
        folder: where packed files are kept, one a split and size; created if needed.
        side: S, the side of the network's square.
        progress: called with every image while packing.

    Raises:
        DataError: an image or mask of the source cannot be read.
        OutputError: the disk has no room, or the folder cannot be written to.
    """
    path = packed_path(source, folder, side)
    try:
        return PackedDataset(source, path)
    except DataError:
        pack(source, path, side, progress=progress)
    return PackedDataset(source, path)


def packed_path(source: ReferringDataset, folder: Path, side: int) -> Path:
    """The file that a split is packed to."""
    safe = re.sub(r"[^\w+-]", "_", f"{source.name}-{source.split}-{side}")
    return folder / f"{safe}.pack"


def pack(source: ReferringDataset, path: Path, side: int, *, progress: Progress = lambda done, total: None) -> None:
    """Write the packed file of a split.

    Raises:
        DataError: an image or mask of the source cannot be read; nothing is written.
        OutputError: the disk has no room, or the folder cannot be written to.
    """
    ensure_writable_folder(path.parent)
    _remove_leftovers(path)
    of_image = by_referent(source.expressions)
    masks = [(image_id, objects) for image_id, expressions in of_image.items() for objects in expressions]
    index = {
        "fingerprint": source_fingerprint(source, side),
        "source": source.fingerprint(),
        "images": list(of_image),
        "masks": masks,
    }
    text = json.dumps(index, separators=(",", ":")).encode()
    check_room(path.parent, len(text) + len(of_image) * side * side * 3 + len(masks) * _mask_bytes(side))
    header = _HEADER.pack(_MAGIC, _VERSION, side, len(of_image), len(masks), len(text), hashlib.sha256(text).digest())

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            file.write(header)
            bits: list[bytes] = []
            for done, (image_id, expressions) in enumerate(of_image.items(), 1):
                image = torch.from_numpy(source.image(image_id)).permute(2, 0, 1)
                file.write(resize_and_pad_image(image, side).permute(1, 2, 0).contiguous().numpy().tobytes())
                bits += [_pack_mask(source.mask(expression), side) for expression in expressions.values()]
                progress(done, len(of_image))
            file.writelines(bits)
            file.write(text)

    atomic_write(path, write)


def source_fingerprint(source: ReferringDataset, side: int) -> str:
    """Changes with the annotations, with any image file's size or time, with the side, and with the format."""
    digest = hashlib.sha256(f"{_VERSION} {side} {source.fingerprint()}".encode())
    if isinstance(source, ImagesOnDisk):
        for image_id in image_ids(source.expressions):
            try:
                status = os.stat(source.image_path(image_id))
            except OSError:
                continue  # reading it will say what is wrong
            digest.update(f"{image_id} {status.st_size} {status.st_mtime_ns};".encode())
    return digest.hexdigest()


def _pack_mask(mask: Mask, side: int) -> bytes:
    return np.packbits(resize_and_pad_mask(torch.from_numpy(mask), side).numpy()).tobytes()


def _mask_bytes(side: int) -> int:
    return (side * side + 7) // 8


def _open(path: Path) -> tuple[int, dict[str, Any], NDArray[np.uint8], NDArray[np.uint8]]:
    """The side, the index, (I, S, S, 3) images and (M, bytes) masks of a packed file, checked to be whole."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                raise DataError(f"{path} is damaged: pack it again")
            magic, version, side, images, masks, length, digest = _HEADER.unpack(header)
            image_end = _HEADER.size + images * side * side * 3
            mask_end = image_end + masks * _mask_bytes(side)
            whole = (magic, version) == (_MAGIC, _VERSION) and path.stat().st_size == mask_end + length
            if not whole:
                raise DataError(f"{path} is damaged or of another version: pack it again")
            file.seek(mask_end)
            text = file.read(length)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    if hashlib.sha256(text).digest() != digest:
        raise DataError(f"{path} is damaged: pack it again")
    content: NDArray[np.uint8] = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
    image_rows = content[_HEADER.size : image_end].reshape(images, side, side, 3)
    mask_rows = content[image_end:mask_end].reshape(masks, _mask_bytes(side))
    return side, json.loads(text), image_rows, mask_rows


def _remove_leftovers(path: Path) -> None:
    """Remove what processes that no longer run left of this file when they were killed."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        process = leftover.name.removesuffix(".tmp").rpartition(".")[2]
        if process.isdecimal() and not _runs(int(process)):
            leftover.unlink(missing_ok=True)


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
