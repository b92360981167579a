"""Images from any source as (H, W, 3) uint8 RGB, or one clear line saying why not."""

import io
import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from asgn.data.files.pixels import (
    MAX_PIXELS,
    array_to_rgb,
    check_size,
    pillow_to_rgb,
    refuse_nearly_black,
    too_large,
)
from asgn.data.types import Image
from asgn.errors import DataError
from asgn.files import as_spelled


@runtime_checkable
class TensorLike(Protocol):
    """A PyTorch tensor, which is not imported to read images."""

    def detach(self) -> Any:
        """The same without its history."""


@runtime_checkable
class Readable(Protocol):
    """A file object open for reading bytes."""

    def read(self, size: int, /) -> bytes | str:
        """At most `size` bytes."""


ImageSource = str | os.PathLike[str] | bytes | Readable | Pillow.Image | NDArray[Any] | TensorLike
"""A path, the bytes of an image file, a binary file object, a Pillow image, a numpy array of (H, W), (H, W, 1),
(H, W, 3) or (H, W, 4), or a PyTorch tensor of these or of (1, H, W), (3, H, W) or (4, H, W)."""

MAX_FILE_BYTES = 16 * MAX_PIXELS
"""Larger files are refused unread: room for four 32-bit channels."""

# Pillow would start Ghostscript for EPS; an image is one of these.
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF")
_EXIF_ORIENTATION = 0x0112
_TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
_WARNING_FILTERS = threading.Lock()

Pixels = TypeVar("Pixels", bound=NDArray[Any])


def load_image(source: ImageSource, name: str = "") -> Image:
    """Read an image of any common kind; errors call it `name`, else by its path or kind of source.

    The EXIF orientation is applied, transparency is laid on white, grey and palette images become RGB, and float
    arrays are taken as 0..1 when no value exceeds 1, else as 0..255. 16-bit values are brought to 8 bits by the range
    that they use: one of 8, 10, 12, 14 and 16 bits.

    Returns:
        (H, W, 3) uint8 RGB, an array of its own.

    Raises:
        DataError: the source is missing, no image, damaged, of an unknown shape, or above `MAX_PIXELS`.
    """
    if isinstance(source, np.ndarray):
        return array_to_rgb(source, name or "the given array")
    if isinstance(source, Pillow.Image):
        return _decode(source, name or "the given image", pillow_to_rgb)
    if isinstance(source, bytes):
        return _read_image(source, name or "the given bytes")
    if isinstance(source, Readable):
        return _read_image(_read_open(source), name or "the given file object")
    if isinstance(source, TensorLike):  # after files, which can be detached too
        return array_to_rgb(_tensor_to_array(source), name or "the given tensor")
    path = _path_of(source)
    return _read_image(_read_regular(path), name or str(path))


def _path_of(source: object) -> Path:
    if not isinstance(source, str | os.PathLike):
        kinds = "a path, bytes, a file object, a Pillow image, an array or a tensor"
        raise DataError(f"{type(source).__name__} is no image: give {kinds}")
    refuse_address(os.fspath(source))
    return Path(source)


def load_sized_image(path: Path, size: tuple[int, int] | None, source: str) -> Image:
    """`load_image` of a file that, where a size is known, must have this (height, width), as `source` says.

    Raises:
        DataError: as `load_image`, or it has another size; where the file's EXIF orientation explains it, that is said.
    """
    image = load_image(path)
    if size is None or image.shape[:2] == size:
        return image
    found = (image.shape[0], image.shape[1])
    raise DataError(f"{path} is {by(found)}, but {source} says {by(size)}{turned_hint(path, found, size)}")


def by(size: tuple[int, int]) -> str:
    """(height, width) as people write it: 640x480 is 480 high."""
    return f"{size[1]}x{size[0]}"


def turned_hint(path: Path, size: tuple[int, int], other: tuple[int, int]) -> str:
    """What to add to an error where EXIF turns an image to its `size`, and something is of its pixels as stored."""
    if size[::-1] != other or exif_orientation(path) < 5:
        return ""
    return (
        f": EXIF turns {path.name}, and the annotations seem to be of its pixels as stored; remove its orientation, "
        "or annotate it upright"
    )


def refuse_address(text: str) -> None:
    """Raise DataError where a text names something on the web; as a path it would lose a stroke and confuse."""
    if text.lower().startswith(("http:/", "https:/")):  # a Path has lost a stroke
        raise DataError(f"{text} is an address, and nothing is fetched from the network: download it first")


def decode_file(path: Path, convert: Callable[[Pillow.Image, str], Pixels]) -> Pixels:
    """What `convert` makes of an image file, turned upright, and of its name in errors.

    Raises:
        DataError: as `load_image`.
    """
    with _opened(_read_regular(path), str(path)) as image:
        return _decode(image, str(path), convert)


def exif_orientation(path: Path) -> int:
    """How the pixels of an image file are turned, 1..8 as EXIF numbers it; 1 is upright.

    Raises:
        DataError: as `load_image`, as far as the header tells.
    """
    with _opened(_read_regular(path), str(path)) as image:
        return _orientation(image)


def image_size(source: Path | bytes, name: str = "") -> tuple[int, int]:
    """(height, width) of an image file or its bytes, EXIF orientation applied, from the header alone.

    Raises:
        DataError: as `load_image`, as far as the header tells.
    """
    data = source if isinstance(source, bytes) else _read_regular(source)
    with _opened(data, name or ("the given bytes" if data is source else str(source))) as image:
        width, height = image.size
        return (width, height) if _orientation(image) >= 5 else (height, width)


def _read_regular(path: Path) -> bytes:
    """The file's content; a folder, pipe or device is refused before it is opened."""
    try:
        path = as_spelled(path)
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise DataError(f"{path} is a folder, not an image file")
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{path} is not a regular file")
        if status.st_size > MAX_FILE_BYTES:
            raise DataError(too_large(str(path), f" ({status.st_size:,} bytes)"))
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"no image at {path}: check the path") from error
    except (OSError, ValueError) as error:
        raise DataError(f"cannot open image {str(path)!r}: {getattr(error, 'strerror', None) or error}") from error


def _read_open(file: Readable) -> bytes:
    """The rest of a file object, which stays open."""
    try:
        data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise DataError(f"the given file object cannot be read: {error}") from error
    if isinstance(data, str):
        raise DataError("the given file object holds text: open it in binary mode, 'rb'")
    if len(data) > MAX_FILE_BYTES:
        raise DataError(too_large("the given file object"))
    return data


def _read_image(data: bytes, where: str) -> Image:
    with _opened(data, where) as image:
        return _decode(image, where, pillow_to_rgb)


@contextmanager
def _opened(data: bytes, where: str) -> Iterator[Pillow.Image]:
    """The image with only its header read, and its size checked."""
    if not data:
        raise DataError(f"{where} is empty (0 bytes)")
    Pillow.init()
    known = [name for name in _FORMATS if name in Pillow.OPEN]
    with _WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Pillow.DecompressionBombWarning)
        try:
            image = Pillow.open(io.BytesIO(data), formats=known)
        except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
            raise DataError(too_large(where)) from error
        except UnidentifiedImageError as error:
            raise DataError(_unknown_format(data, where)) from error
        except Exception as error:  # a damaged header makes the format's reader fail in any way
            raise DataError(f"{where} is damaged: {_reason(error)}") from error
    with image:
        check_size(image.size, where)
        yield image


def _decode(image: Pillow.Image, where: str, convert: Callable[[Pillow.Image, str], Pixels]) -> Pixels:
    check_size(image.size, where)
    with _WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            has_deep_colours = any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
            image.load()
            if has_deep_colours and image.mode in ("RGB", "RGBA"):
                refuse_nearly_black(image, where)
            turn = _TURNS.get(_orientation(image))
            upright = image.transpose(turn) if turn is not None else image
            upright.format = image.format
            return convert(upright, where)
        except DataError:
            raise
        except Exception as error:  # decoders of damaged files raise anything from OSError to struct.error
            raise DataError(f"{where} is cut off or damaged: {_reason(error)}") from error


def _orientation(image: Pillow.Image) -> int:
    """EXIF orientation 1..8; damaged EXIF counts as upright, since the pixels are there."""
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) else 1


def _tensor_to_array(tensor: TensorLike) -> NDArray[Any]:
    """(H, W), (H, W, C) or, as PyTorch has images, (C, H, W) as numpy has them."""
    values = tensor.detach().cpu()
    array: NDArray[Any] = (values.float() if values.is_floating_point() else values).numpy()
    return array.transpose(1, 2, 0) if array.ndim == 3 and array.shape[0] in (1, 3, 4) else array


def _unknown_format(data: bytes, where: str) -> str:
    if data.startswith((b"II*\0", b"MM\0*")):
        return f"{where} is a TIFF of a kind that is not read, such as floats in several channels: save it as PNG"
    return f"{where} is not an image in a known format (JPEG, PNG, WebP, TIFF, BMP, GIF)"


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
