"""Anything may be given as an image or a phrase: the answer is a mask or one clear line, never a traceback."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from asgn.errors import DataError, PhraseError
from asgn.inference.explain.explain import explain

COUNT = 2000
_PLANES = (
    (0x20, 0x7E), (0x00, 0x1F), (0xA0, 0x24F), (0x300, 0x36F), (0x590, 0x6FF), (0x2000, 0x206F), (0x3040, 0x30FF),
    (0x4E00, 0x9FFF), (0xD800, 0xDFFF), (0xE000, 0xF8FF), (0x1F300, 0x1FAFF), (0x10FFF0, 0x10FFFF),
)  # fmt: skip


def encoded_pictures() -> list[bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)
    pictures = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind)
        pictures.append(file.getvalue())
    return pictures


def random_bytes(rng: random.Random, pictures: list[bytes]) -> bytes:
    """Noise, noise behind a picture's first bytes, a picture cut short, or one with some bytes changed."""
    picture = bytearray(rng.choice(pictures))
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randbytes(rng.randrange(400))
    if kind == 1:
        return bytes(picture[: rng.randrange(4, 40)]) + rng.randbytes(rng.randrange(200))
    if kind == 2:
        return bytes(picture[: rng.randrange(len(picture))])
    for _ in range(rng.randrange(1, 12)):
        picture[rng.randrange(len(picture))] = rng.randrange(256)
    return bytes(picture)


def random_phrase(rng: random.Random, words: list[str]) -> str:
    """Characters of all scripts, lone surrogates and controls included, with known words among them or not."""
    parts = []
    for _ in range(rng.randrange(1, 8)):
        low, high = rng.choice(_PLANES)
        noise = "".join(chr(rng.randint(low, high)) for _ in range(rng.randrange(12)))
        parts.append(rng.choice((noise, noise, rng.choice(words), noise + rng.choice(words))))
    text = rng.choice((" ", "", ", ", "\n", "\0")).join(parts)
    return text * rng.choice((1, 1, 1, 1, 40))


def test_random_bytes_as_images(segmenter):
    rng, pictures, answered = random.Random(0), encoded_pictures(), 0
    refusals = []
    for _ in range(COUNT):
        content = random_bytes(rng, pictures)
        try:
            result = segmenter(content, "left circle")
        except DataError as error:
            refusals.append(str(error))
        else:
            answered += 1
            assert result.mask.dtype == np.bool_
    assert 50 < answered < COUNT  # some of the changed pictures are still pictures
    assert all("\n" not in line and len(line) < 1000 for line in refusals)


def test_random_text_as_phrases(segmenter):
    rng, words, answered = random.Random(0), list(segmenter.vocabulary.words), 0
    said: list[str] = []
    written: list[str] = []
    encoded = segmenter.encode(np.zeros((20, 30, 3), dtype=np.uint8))
    for number in range(COUNT):
        phrase = random_phrase(rng, words)
        try:
            result = segmenter(encoded, phrase)
            if number % 50 == 0:
                explain(segmenter, encoded, phrase).lines()
        except PhraseError as error:
            said.append(str(error))
        else:
            answered += 1
            assert result.mask.shape == (20, 30)
            written.append(result.phrase)
            said += result.reading.remarks()
    assert 50 < answered < COUNT
    assert all("\n" not in line and len(line) < 2000 for line in said)
    assert "".join(said + written).encode("utf-8")


def test_a_megabyte_of_text_is_refused_at_once(segmenter):
    for phrase in ("x" * 1_000_000, "x " * 500_000, ", " * 500_000, "\u0301" * 1_000_000):
        with pytest.raises(PhraseError) as caught:
            segmenter.read_phrase(phrase)
        assert len(str(caught.value)) < 1000
