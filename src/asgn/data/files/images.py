"""Photographs from any source as (H, W, 3) uint8 RGB, or one clear line saying why not."""

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

MAX_PIXELS = 64_000_000
"""Larger images are refused before any pixel is decoded."""

MAX_FILE_BYTES = 16 * MAX_PIXELS
"""Larger files are refused unread: room for four 32-bit channels."""

# Pillow would start Ghostscript for EPS; a photograph is one of these.
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
_DEPTHS = (8, 10, 12, 14, 16)
_WARNING_FILTERS = threading.Lock()

Pixels = TypeVar("Pixels", bound=NDArray[Any])


def load_image(source: ImageSource, name: str = "") -> Image:
    """Read a photograph of any common kind; errors call it `name`, else by its path or kind of source.

    The EXIF orientation is applied, transparency is laid on white, grey and palette images become RGB, and float
    arrays are taken as 0..1 when no value exceeds 1, else as 0..255. 16-bit values are brought to 8 bits by the range
    that they use: one of 8, 10, 12, 14 and 16 bits.

    Returns:
        (H, W, 3) uint8 RGB, an array of its own.

    Raises:
        DataError: the source is missing, no image, damaged, of an unknown shape, or above `MAX_PIXELS`.
    """
    if isinstance(source, np.ndarray):
        return _array_to_rgb(source, name or "the given array")
    if isinstance(source, Pillow.Image):
        return _decode(source, name or "the given image", _pillow_to_rgb)
    if isinstance(source, bytes):
        return _read_image(source, name or "the given bytes")
    if isinstance(source, Readable):
        return _read_image(_read_open(source), name or "the given file object")
    if isinstance(source, TensorLike):  # after files, which can be detached too
        return _array_to_rgb(_tensor_to_array(source), name or "the given tensor")
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
    message = f"{path} is {image.shape[1]}x{image.shape[0]}, but {source} says {size[1]}x{size[0]}"
    if image.shape[1::-1] == size and exif_orientation(path) >= 5:
        message += (
            ": EXIF turns it, and the annotations seem to be of its pixels as stored; remove its EXIF orientation, or "
            "annotate it upright"
        )
    raise DataError(message)


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
            raise DataError(_too_large(str(path), f" ({status.st_size:,} bytes)"))
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
        raise DataError(_too_large("the given file object"))
    return data


def _read_image(data: bytes, where: str) -> Image:
    with _opened(data, where) as image:
        return _decode(image, where, _pillow_to_rgb)


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
            raise DataError(_too_large(where)) from error
        except UnidentifiedImageError as error:
            raise DataError(_unknown_format(data, where)) from error
        except Exception as error:  # a damaged header makes the format's reader fail in any way
            raise DataError(f"{where} is damaged: {_reason(error)}") from error
    with image:
        _check_size(image.size, where)
        yield image


def _decode(image: Pillow.Image, where: str, convert: Callable[[Pillow.Image, str], Pixels]) -> Pixels:
    _check_size(image.size, where)
    with _WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            has_deep_colours = any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
            image.load()
            if has_deep_colours and image.mode in ("RGB", "RGBA"):
                _refuse_nearly_black(image, where)
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


def _pillow_to_rgb(image: Pillow.Image, where: str) -> Image:
    if image.mode.startswith("I;16"):
        return _array_to_rgb(np.asarray(image).astype(np.uint16), where)
    if image.mode in ("I", "F"):
        return _wide_to_rgb(np.asarray(image), where)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Pillow.new("RGBA", image.size, (255, 255, 255, 255))
        return np.array(Pillow.alpha_composite(white, image).convert("RGB"))
    return np.array(image.convert("RGB"))


def _tensor_to_array(tensor: TensorLike) -> NDArray[Any]:
    """(H, W), (H, W, C) or, as PyTorch has images, (C, H, W) as numpy has them."""
    values = tensor.detach().cpu()
    array: NDArray[Any] = (values.float() if values.is_floating_point() else values).numpy()
    return array.transpose(1, 2, 0) if array.ndim == 3 and array.shape[0] in (1, 3, 4) else array


def _wide_to_rgb(values: NDArray[Any], where: str) -> Image:
    """32-bit grey, as arrays are read; as 16-bit values once they exceed 8 bits."""
    if values.size and values.min() >= 0 and 255 < values.max() <= 65535:
        values = np.rint(values).astype(np.uint16)
    return _array_to_rgb(values, where)


def _refuse_nearly_black(image: Pillow.Image, where: str) -> None:
    """Pillow keeps the upper 8 of 16 bits a channel: colours that use the lower 12 alone are lost."""
    highest = int(np.asarray(image.convert("RGB")).max())
    if highest < 16:
        raise DataError(
            f"{where} would be read as nearly black: its 16-bit colours use the lower 12 bits alone; save it in 8 bits"
        )


def _array_to_rgb(values: NDArray[Any], where: str) -> Image:
    if values.ndim == 2:
        values = values[:, :, None]
    if values.ndim != 3 or values.shape[2] not in (1, 3, 4):
        raise DataError(f"{where} has shape {values.shape}: expected (H, W), (H, W, 3) or (H, W, 4)")
    _check_size((values.shape[1], values.shape[0]), where)
    values = _to_bytes(values, where)
    if values.shape[2] == 4:
        alpha = values[:, :, 3:].astype(np.float32) / 255
        return np.rint(values[:, :, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return np.array(np.broadcast_to(values, (*values.shape[:2], 3)))


def _to_bytes(values: NDArray[Any], where: str) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        highest = int(values.max())
        bits = next(depth for depth in _DEPTHS if highest < 1 << depth)
        return np.rint(values * (255 / ((1 << bits) - 1))).astype(np.uint8)
    if values.dtype.kind not in "iuf":
        raise DataError(f"{where} holds {values.dtype}, not numbers of pixels")
    low, high = float(values.min()), float(values.max())
    is_float = values.dtype.kind == "f"
    if not (low >= 0 and high <= 255) or (is_float and 1 < high < 2):
        raise DataError(f"{where} has values from {low:g} to {high:g}: expected 0..1 or 0..255")
    scale = 255 if is_float and high <= 1 else 1
    scaled: NDArray[np.uint8] = np.rint(values * scale).astype(np.uint8)
    return scaled


def _check_size(size: tuple[int, int], where: str) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise DataError(f"{where} has no pixels ({width}x{height})")
    if width * height > MAX_PIXELS:
        raise DataError(_too_large(where, f" ({width}x{height})"))


def _unknown_format(data: bytes, where: str) -> str:
    if data.startswith((b"II*\0", b"MM\0*")):
        return f"{where} is a TIFF of a kind that is not read, such as floats in several channels: save it as PNG"
    return f"{where} is not an image in a known format (JPEG, PNG, WebP, TIFF, BMP, GIF)"


def _too_large(where: str, size: str = "") -> str:
    return f"{where} is too large{size}: at most {MAX_PIXELS // 1_000_000} megapixels; make it smaller first"


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
