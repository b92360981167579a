"""Which device a command runs on."""

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
