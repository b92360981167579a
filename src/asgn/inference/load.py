"""From what a user calls a model to a segmenter."""

from pathlib import Path

import torch

from asgn.checkpoint import load_model
from asgn.errors import CheckpointError, UserError
from asgn.inference.device import choose_device
from asgn.inference.onnx.runner import is_export, load_export
from asgn.inference.segmenter import Segmenter
from asgn.inference.sharing.hub import fetch_pretrained

BOX = Path(__file__).parents[1] / "weights"
"""Folder of the models that come with the package, each called after its file."""
DEFAULT = "asgn-mobile"


def load(
    name: str | Path | None = None,
    device: str | torch.device = "auto",
    densecrf: bool = False,
    revision: str | None = None,
) -> Segmenter:
    """Load a model.

    Args:
        name: see `find_model`; None is the model in the box, `asgn-mobile`.
        device: `auto` takes the fastest there is; an exported model runs on the processor.
        densecrf: sharpen masks along the image's edges.
        revision: branch, tag or commit of a repository on huggingface.co.

    Raises:
        CheckpointError: there is no such model, it is damaged, or the network failed.
        MissingExtraError: the extra `onnx`, `hub`, `clipseg` or `crf` is needed and not installed.
        UserError: the device is not there, or an exported model is asked for on another than the processor.
    """
    path = find_model(name, revision)
    if not is_export(path):
        chosen = device if isinstance(device, torch.device) else choose_device(device)
        return Segmenter(load_model(path), chosen, densecrf)
    if str(device) not in ("auto", "cpu"):
        raise UserError(f"an exported model runs on the processor only, not on {device}: give --device cpu")
    description, backend = load_export(path)
    return Segmenter(description, densecrf=densecrf, backend=backend)


def find_model(name: str | Path | None = None, revision: str | None = None) -> Path:
    """The file or folder of a model.

    Args:
        name: the name of a model in the box, the path of a checkpoint file, of a run's folder, of a folder of
            `asgn export` or of a CLIPSeg by transformers, or OWNER/NAME on huggingface.co, downloaded once. A path
            that is called like a model in the box is given as `./asgn-mobile`, or as a Path.
        revision: branch, tag or commit of a repository on huggingface.co.

    Raises:
        CheckpointError: there is nothing of that name, or the network failed.
        MissingExtraError: huggingface_hub is needed and not installed.
    """
    if name is None or (isinstance(name, str) and name in models_in_the_box()):
        return _in_the_box(name or DEFAULT)
    return fetch_pretrained(name, revision)


def models_in_the_box() -> list[str]:
    """The names of the models that come with the package."""
    return sorted({path.stem for path in BOX.glob("*.safetensors")} | {DEFAULT})


def _in_the_box(name: str) -> Path:
    path = BOX / f"{name}.safetensors"
    if not path.is_file():
        raise CheckpointError(
            f"this installation holds no model {name} ({path} is missing): give another one with --model, or train "
            "one with `asgn train`"
        )
    return path
