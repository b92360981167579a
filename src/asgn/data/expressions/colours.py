"""Colour words for pixels, given only where most people would agree on the word."""

import numpy as np
from numpy.typing import NDArray

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray")

_CONFUSABLE = frozenset(
    frozenset(pair)
    for pair in (
        ("red", "orange"), ("red", "pink"), ("red", "brown"), ("orange", "yellow"), ("orange", "brown"),
        ("yellow", "brown"), ("blue", "purple"), ("purple", "pink"), ("black", "gray"), ("white", "gray"),
        ("brown", "black"), ("brown", "gray"), ("orange", "pink"),
    )
)  # fmt: skip

_MAXIMUM_PIXELS = 4000
_HUES = (
    ("red", 0.0, 10.0), ("orange", 22.0, 38.0), ("yellow", 47.0, 66.0), ("green", 80.0, 160.0),
    ("blue", 190.0, 250.0), ("purple", 265.0, 298.0), ("pink", 312.0, 338.0), ("red", 350.0, 360.0),
)  # fmt: skip
"""Hue ranges in degrees; the gaps between them are no colour's."""


def are_confusable(first: str, second: str) -> bool:
    """Whether two different colour words are easily used for the same object."""
    return frozenset((first, second)) in _CONFUSABLE


def colour_name(pixels: NDArray[np.uint8]) -> str | None:
    """The one of COLOURS that clearly dominates the pixels (N, 3) RGB, or None where that is doubtful.

    A colour dominates when at least 60 % of the pixels surely have it and no other reaches a third of its share.
    """
    if len(pixels) == 0:
        return None
    names = classify_pixels(pixels[:: max(1, len(pixels) // _MAXIMUM_PIXELS)])
    shares = np.bincount(names[names >= 0], minlength=len(COLOURS)) / len(names)
    second, first = np.argsort(shares)[-2:]
    return COLOURS[first] if shares[first] >= 0.6 and shares[second] <= shares[first] / 3 else None


def classify_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The index in COLOURS of each pixel of (N, 3) RGB, -1 where no word surely fits; (N,)."""
    hue, saturation, value = _hue_saturation_value(pixels)
    names = np.full(len(pixels), -1, dtype=np.int64)
    vivid = (saturation > 0.4) & (value > 0.35)
    for name, lowest, highest in _HUES:
        names[vivid & (hue >= lowest) & (hue <= highest)] = COLOURS.index(name)
    warm = (hue >= 12) & (hue <= 40)
    names[warm & vivid & (value < 0.75)] = -1
    names[warm & (saturation > 0.35) & (value > 0.2) & (value < 0.62)] = COLOURS.index("brown")
    dim_yellow = (hue > 40) & (hue <= 66) & (value < 0.7)
    names[dim_yellow] = -1
    light_red = ((hue >= 338) | (hue <= 10)) & (value > 0.8)
    names[light_red & (saturation < 0.6)] = -1
    names[light_red & (saturation > 0.2) & (saturation < 0.5)] = COLOURS.index("pink")
    plain = saturation < 0.12
    names[plain & (value > 0.88)] = COLOURS.index("white")
    names[plain & (value > 0.35) & (value < 0.72)] = COLOURS.index("gray")
    names[(value < 0.16) | (plain & (value < 0.22))] = COLOURS.index("black")
    return names


def _hue_saturation_value(
    pixels: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Hue in degrees, saturation and value in 0..1, each (N,)."""
    rgb = pixels.astype(np.float32) / 255
    red, green, blue = rgb.T
    value = rgb.max(axis=1)
    chroma = value - rgb.min(axis=1)
    divisor = np.where(chroma > 0, chroma, 1)
    hue = np.where(
        value == red,
        (green - blue) / divisor % 6,
        np.where(value == green, (blue - red) / divisor + 2, (red - green) / divisor + 4),
    )
    saturation = chroma / np.where(value > 0, value, 1)
    return (60 * hue).astype(np.float32), saturation, value
