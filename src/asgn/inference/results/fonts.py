"""Fonts for legends: one that has every letter of a text, or a word on the letters that none here has."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import ImageFont

_NOT_DRAWN = "no font here has"


def drawable(text: str, size: int) -> tuple[str, ImageFont.FreeTypeFont]:
    """The text as it can be drawn, and the font for it.

    DejaVu Sans, which matplotlib carries, has the letters of most scripts written left to right. For others a font of
    the system is taken; letters that none has are given by their code points, and said to be.
    """
    own = _own_font()
    lacking = _lacking(text, own)
    if not lacking:
        return text, _opened(own, size)
    for path in _system_fonts():
        if not _lacking(text, path):
            try:
                return text, _opened(path, size)
            except OSError:  # a font of bitmaps has no letters of this size
                continue
    shown = "".join(f"U+{ord(letter):04X} " if letter in lacking else letter for letter in text)
    return f"{shown.strip()} ({_NOT_DRAWN} {len(lacking)} of its letters)", _opened(own, size)


def _lacking(text: str, font: Path) -> list[str]:
    letters = _letters_of(font)
    return [letter for letter in dict.fromkeys(text) if not letter.isspace() and ord(letter) not in letters]


@cache
def _letters_of(font: Path) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font  # not needed to segment, and slow to import

    try:
        return frozenset(FT2Font(str(font)).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


@cache
def _own_font() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


@cache
def _system_fonts() -> Sequence[Path]:
    from matplotlib.font_manager import findSystemFonts

    return sorted(Path(path) for path in findSystemFonts())


@cache
def _opened(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)
