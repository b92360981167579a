import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from asgn.data.files.images import image_size, load_image
from asgn.errors import DataError
from tests.data.outcome import outcome

# Four pixels that tell every turn and mirror apart: red, green above blue, white.
CORNERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], dtype=np.uint8)


def png(image: Pillow.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A valid PNG header of that size over a few bytes of pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, CORNERS),
        (2, CORNERS[:, ::-1]),
        (3, CORNERS[::-1, ::-1]),
        (4, CORNERS[::-1]),
        (5, CORNERS.swapaxes(0, 1)),
        (6, np.rot90(CORNERS, -1)),
        (7, np.rot90(CORNERS.swapaxes(0, 1), 2)),
        (8, np.rot90(CORNERS)),
    ],
)
def test_exif_orientation_is_applied(orientation, expected, tmp_path):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    path.write_bytes(png(Pillow.fromarray(CORNERS), exif=exif))
    np.testing.assert_array_equal(load_image(path), expected)
    np.testing.assert_array_equal(load_image(str(path)), expected)


def test_size_from_the_header_follows_the_orientation(tmp_path):
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.new("RGB", (30, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert image_size(tmp_path / "turned.jpg") == (30, 20) == load_image(tmp_path / "turned.jpg").shape[:2]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Pillow.new("L", (1, 1), 77), (77, 77, 77)),
        (Pillow.new("1", (1, 1), 1), (255, 255, 255)),
        (Pillow.new("RGBA", (1, 1), (200, 100, 0, 0)), (255, 255, 255)),
        (Pillow.new("RGBA", (1, 1), (0, 0, 0, 51)), (204, 204, 204)),
        (Pillow.new("LA", (1, 1), (10, 255)), (10, 10, 10)),
        (Pillow.new("CMYK", (1, 1), (0, 255, 255, 0)), (255, 0, 0)),
        (Pillow.fromarray(np.array([[257 * 200]], dtype=np.uint16)), (200, 200, 200)),
        (Pillow.fromarray(np.array([[0.5]], dtype=np.float32)), (128, 128, 128)),
        (Pillow.fromarray(np.array([[514, 65535]], dtype=np.int32)), (2, 2, 2)),
    ],
)
def test_every_mode_becomes_rgb(image, expected):
    loaded = load_image(image)
    assert loaded.dtype == np.uint8
    assert tuple(loaded[0, 0]) == expected


def test_palette_with_transparency_is_laid_on_white():
    image = Pillow.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    assert load_image(png(image, transparency=1)).tolist() == [[[10, 20, 30], [255, 255, 255]]]
    assert load_image(png(image)).tolist() == [[[10, 20, 30], [40, 50, 60]]]


def test_sixteen_bit_png_file():
    values = np.array([[0, 257, 65535]], dtype=np.uint16)
    assert load_image(png(Pillow.fromarray(values)))[0, :, 0].tolist() == [0, 1, 255]


@pytest.mark.parametrize(("highest", "eighth"), [(255, 32), (1023, 128), (4095, 512), (16383, 2048), (65535, 8192)])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bits_are_scaled_by_those_used(highest, eighth, order, tmp_path):
    values = np.array([[0, eighth, highest]], dtype=order)
    Pillow.fromarray(values).save(tmp_path / "deep.tif")
    for source in (values, tmp_path / "deep.tif", png(Pillow.fromarray(values.astype("<u2")))):
        assert load_image(source)[0, :, 0].tolist() == [0, 32, 255]


def test_deep_colours_that_are_nearly_black_are_refused():
    def deep(value: int) -> bytes:
        body = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
        chunks = [(b"IHDR", body), (b"IDAT", zlib.compress(b"\0" + struct.pack(">3H", *[value] * 3))), (b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))
            for kind, part in chunks
        )

    assert load_image(deep(51400)).tolist() == [[[200] * 3]]
    with pytest.raises(DataError, match="nearly black"):
        load_image(deep(4095))


@pytest.mark.parametrize(("values", "expected"), [([0, 0.5, 1], [0, 128, 255]), ([0, 512, 4095], [0, 32, 255])])
def test_float_tiffs(values, expected, tmp_path):
    Pillow.fromarray(np.array([values], dtype=np.float32)).save(tmp_path / "float.tif")
    assert load_image(tmp_path / "float.tif")[0, :, 0].tolist() == expected


def test_tiffs_that_are_not_read_are_called_so(tmp_path):
    Pillow.new("RGB", (2, 2)).save(tmp_path / "odd.tif", tiffinfo={339: (3, 3, 3)})  # three channels of floats
    with pytest.raises(DataError, match="a TIFF of a kind that is not read"):
        load_image(tmp_path / "odd.tif")


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0.0, 1.0]]), [0, 255]),
        (np.array([[0.0, 200.0]]), [0, 200]),
        (np.array([[False, True]]), [0, 255]),
        (np.array([[0, 65535]], dtype=np.uint16), [0, 255]),
        (np.array([[3, 250]], dtype=np.int64), [3, 250]),
        (np.array([[[3], [250]]], dtype=np.uint8), [3, 250]),
    ],
)
def test_arrays(array, expected):
    assert load_image(array)[0, :, 2].tolist() == expected


def test_result_is_the_callers_own():
    source = np.zeros((2, 2, 3), dtype=np.uint8)
    load_image(source)[:] = 9
    assert source.max() == 0


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 2, 2)), "shape"),
        (np.zeros(4), "shape"),
        (np.zeros((0, 3, 3)), "no pixels"),
        (np.array([[np.nan]]), "nan"),
        (np.array([[-1, 3]]), "from -1 to 3"),
        (np.array([[0, 256]]), "256"),
        (np.array([[0, 1.02]]), "1.02"),
        (np.array([["a"]]), "not numbers"),
    ],
)
def test_unusable_arrays_are_one_clear_line(array, words):
    with pytest.raises(DataError, match=words):
        load_image(array)


def jpeg_bytes() -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Pillow.fromarray(noise).save(stream, "JPEG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello, this is text", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (jpeg_bytes()[:2000], "cut off"),
        (png(Pillow.new("RGB", (64, 64)))[:60], "cut off|damaged"),
        (bomb(50_000, 50_000), "too large"),
        (bomb(10_000, 9_000), "too large"),
        (bomb(8_001, 8_000), "too large"),
        (bomb(8_000, 8_000)[:60], "damaged|cut off"),
    ],
)
def test_bad_files_are_one_clear_line(content, words, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        load_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_folder_pipe_and_odd_names(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, words in [
        (tmp_path / "no.jpg", "no image at"),
        (tmp_path, "folder"),
        (tmp_path / "pipe", "regular"),
        ("a\0b", "null"),
        ("x" * 5000, "long"),
    ]:
        with pytest.raises(DataError, match=words):
            load_image(path)


def test_file_is_closed_and_no_warning_leaks(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg_bytes()[:2000])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            with pytest.raises(DataError):
                load_image(path)
        assert warnings.filters[0][0] == "error"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_fuzzed_files_never_trace_back(data):
    stream = io.BytesIO()
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"]))
    Pillow.fromarray(CORNERS.repeat(8, 0).repeat(8, 1)).save(stream, kind)
    content = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    image, line = outcome(load_image, bytes(content[: cut or None]))
    assert line is None if image is not None else "\n" not in line
    assert image is None or (image.dtype == np.uint8 and image.shape[2] == 3)
