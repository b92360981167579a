"""An image with the masks of several phrases in colour and a legend of the phrases below it."""

import colorsys
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from asgn.inference.results.fonts import drawable

Colour = tuple[int, int, int]


class PhraseMask(Protocol):
    """What one phrase found in an image."""

    @property
    def phrase(self) -> str:
        """The phrase as it was asked."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) at the image's own size."""

    @property
    def score(self) -> float:
        """How sure the model is, 0..1."""


_PALETTE: tuple[Colour, ...] = (
    (255, 59, 92), (30, 144, 255), (255, 196, 0), (0, 200, 117),
    (178, 92, 255), (255, 128, 32), (0, 206, 209), (255, 105, 210),
)  # fmt: skip
_FILL = 0.45
_SMALLEST_SIDE = 640
_NARROWEST_LEGEND = 360
_PAPER: Colour = (250, 250, 250)
_INK: Colour = (28, 28, 32)
_FAINT: Colour = (120, 120, 128)


def phrase_colour(index: int) -> Colour:
    """A colour for the phrase at a place in the list: eight chosen ones, then hues a golden angle apart."""
    if index < len(_PALETTE):
        return _PALETTE[index]
    red, green, blue = colorsys.hsv_to_rgb(index * 0.618034 % 1, 0.75, 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_overlay(image: NDArray[np.uint8], results: Sequence[PhraseMask]) -> Image.Image:
    """The image (H, W, 3) with every mask filled and outlined in its phrase's colour, above a legend.

    An image whose longer side is under 640 pixels is enlarged by a whole number first, for the legend's sake.
    """
    factor = max(1, -(-_SMALLEST_SIDE // max(image.shape[:2])))
    picture = np.asarray(_enlarge(Image.fromarray(image), factor), dtype=np.float32)
    for index, result in enumerate(results):
        mask = result.mask.repeat(factor, 0).repeat(factor, 1)
        _paint(picture, mask, np.array(phrase_colour(index), dtype=np.float32))
    photograph = Image.fromarray(picture.round().astype(np.uint8))
    legend = _draw_legend(results, max(photograph.width, _NARROWEST_LEGEND))
    page = Image.new("RGB", (legend.width, photograph.height + legend.height), _PAPER)
    page.paste(photograph, ((page.width - photograph.width) // 2, 0))
    page.paste(legend, (0, photograph.height))
    return page


def _enlarge(image: Image.Image, factor: int) -> Image.Image:
    size = (image.width * factor, image.height * factor)
    return image if factor == 1 else image.resize(size, Image.Resampling.BICUBIC)


def _paint(picture: NDArray[np.float32], mask: NDArray[np.bool_], colour: NDArray[np.float32]) -> None:
    """Blend the colour over the mask, and draw its rim solid with a light line outside it."""
    width = max(2, round(max(mask.shape) / 320))
    padded = np.pad(mask, width)
    inner = ndimage.minimum_filter(padded, size=2 * width + 1)[width:-width, width:-width]
    halo = ndimage.maximum_filter(mask, size=2 * max(1, width // 2) + 1) & ~mask
    picture[mask] += _FILL * (colour - picture[mask])
    picture[halo] += 0.7 * (255 - picture[halo])
    picture[mask & ~inner] = colour


def _draw_legend(results: Sequence[PhraseMask], width: int) -> Image.Image:
    """One line or more for each phrase: swatch, phrase, and at the right its score."""
    size = max(14, round(width / 40))
    (_, font), pad = drawable("nothing found", size), round(0.7 * size)
    text_left, score_left = pad + 2 * size, width - pad - round(font.getlength("nothing found"))
    shown = [drawable(result.phrase, size) for result in results]
    lines = [_wrap(text, own, score_left - text_left - pad) for text, own in shown]
    line_height = round(1.4 * size)
    height = 2 * pad + sum(len(rows) for rows in lines) * line_height
    legend = Image.new("RGB", (width, height if results else 0), _PAPER)
    draw, top = ImageDraw.Draw(legend), pad
    for index, (result, rows, (_, own)) in enumerate(zip(results, lines, shown, strict=True)):
        swatch = (pad, top + size // 8, pad + round(1.3 * size), top + size // 8 + size)
        draw.rounded_rectangle(swatch, radius=size // 4, fill=phrase_colour(index))
        note = f"{result.score:.2f}" if result.mask.any() else "nothing found"
        draw.text((width - pad, top), note, _FAINT, font, anchor="ra")
        for row in rows:
            draw.text((text_left, top), row, _INK, own)
            top += line_height
    return legend


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Lines no wider than `width` pixels; a word that is wider alone is cut with an ellipsis."""
    lines: list[str] = []
    for word in text.split():
        while len(word) > 1 and font.getlength(word) > width:
            word = word.removesuffix("…")[:-1] + "…"
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]
