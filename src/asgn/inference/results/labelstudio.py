"""Masks as Label Studio's brush has them: thi-ng's run-length code of the RGBA pixels, row by row."""

import numpy as np

from asgn.data.types import Mask

_WORD_BITS, _RUN_BITS = 8, (3, 4, 8, 16)
_LONGEST = 1 << _RUN_BITS[-1]


def brush_rle(mask: Mask) -> list[int]:
    """The code of a mask (H, W): 32 bits of length, 5 of word size, four times 4 of run sizes, then the runs.

    A run is a bit 1, two bits that choose the run size, its length less one, and its value.
    """
    values = mask.ravel().astype(np.uint8)
    edges = np.flatnonzero(np.diff(values)) + 1
    starts = np.concatenate([[0], edges])
    lengths = np.diff(np.concatenate([starts, [values.size]])) * 4
    bits = [f"{values.size * 4:032b}", f"{_WORD_BITS - 1:05b}", *(f"{size - 1:04b}" for size in _RUN_BITS)]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        value = f"{255 * int(values[start]):0{_WORD_BITS}b}"
        for part in (*[_LONGEST] * (length // _LONGEST), length % _LONGEST):
            if part:
                bits.append(_run(part) + value)
    text = "".join(bits)
    packed = np.packbits(np.frombuffer(text.encode(), dtype=np.uint8) - ord("0"))
    return [int(byte) for byte in packed]


def _run(length: int) -> str:
    choice = next(place for place, size in enumerate(_RUN_BITS) if length <= 1 << size)
    return f"1{choice:02b}{length - 1:0{_RUN_BITS[choice]}b}"
