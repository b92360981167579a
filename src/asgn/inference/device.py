"""Which device a command runs on."""

import re
from pathlib import Path

import torch

from asgn.errors import UserError


def choose_device(name: str = "auto") -> torch.device:
    """`auto` takes the fastest there is. Raises UserError for a device this machine lacks."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {name!r} cannot be used here ({error}); try --device cpu") from error
    return device


_PROCESSOR = Path("/proc/cpuinfo")
_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16", "svebf16"}


def processor_has_bfloat16() -> bool | None:
    """Whether this processor multiplies bfloat16 numbers, rather than turning them into float32; None if unknown."""
    try:
        found = re.search(r"^(?:flags|Features)\s*:(.*)$", _PROCESSOR.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return None
    return None if found is None else bool(_BFLOAT16 & set(found[1].split()))
