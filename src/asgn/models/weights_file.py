"""Reading a file of network weights, whoever wrote it, and loading it without a silent gap."""

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from asgn.errors import CheckpointError

SUFFIXES = (".safetensors", ".pth", ".pt")
ONNX = ".onnx"
_CONTAINERS = ("state_dict", "model_state_dict", "model_state", "model")
_PREFIXES = ("module.", "model.", "backbone.", "encoder.", "net.")
_COUNTER = "num_batches_tracked"


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of a PyTorch state dict, by name; nothing in it is executed.

    Raises:
        CheckpointError: the file is missing, damaged, of another kind, or holds more than tensors.
    """
    if not path.is_file():
        raise CheckpointError(f"weights {path} do not exist: give a file ending in {', '.join(SUFFIXES)}")
    if path.suffix not in SUFFIXES:
        raise CheckpointError(f"weights {path} are of an unknown kind: give a file ending in {', '.join(SUFFIXES)}")
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _read_pickled(path)
    except (OSError, EOFError, RuntimeError, ValueError, SafetensorError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"weights {path} cannot be read ({reason}): damaged, or of another kind") from error
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise CheckpointError(f"weights {path} hold no tensors: give a state dict")
    return tensors


def _read_pickled(path: Path) -> Mapping[str, Any]:
    content = torch.load(path, map_location="cpu", weights_only=True)
    for name in _CONTAINERS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping):
        raise ValueError(f"it holds a {type(content).__name__}, not a state dict")
    return {str(name): value for name, value in content.items()}


def without_wrappers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without the prefixes that other programs' wrappers put before their names."""
    return {_strip(name): tensor for name, tensor in tensors.items()}


def _strip(name: str) -> str:
    while (prefix := next((prefix for prefix in _PREFIXES if name.startswith(prefix)), None)) is not None:
        name = name.removeprefix(prefix)
    return name


def load_exactly(module: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> None:
    """Load a state dict; only batch norm's counters, which nothing reads, may be missing.

    Raises:
        CheckpointError: tensors are missing, unknown or misshaped; the first three are named.
    """
    own = module.state_dict()
    needed = {name for name in own if not name.endswith(_COUNTER)}
    _refuse("lacks", needed - tensors.keys(), origin)
    _refuse("has unknown", set(tensors.keys() - own.keys()), origin)
    misshaped = {name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape}
    _refuse("has other shapes for", misshaped, origin)
    module.load_state_dict(tensors, strict=False)


def _refuse(what: str, names: set[str], origin: str) -> None:
    if names:
        listed = ", ".join(sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
        raise CheckpointError(f"{origin} does not fit this network: it {what} {len(names)} tensors ({listed})")


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
