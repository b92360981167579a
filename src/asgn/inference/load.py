"""From what a user names to a segmenter: the model in the box, a checkpoint, a run's folder, or an exported model."""

from pathlib import Path

import torch

from asgn.errors import CheckpointError
from asgn.inference.onnx.runner import OnnxSegmenter, is_export
from asgn.inference.segmenter import Segmenter

SHIPPED = Path(__file__).parents[1] / "weights" / "asgn-mobile.safetensors"
"""The model that comes with the package."""


def default_model() -> Path:
    """The checkpoint that is used where none is named. Raises CheckpointError where the package holds none."""
    if not SHIPPED.is_file():
        raise CheckpointError(
            f"no model is named and this installation holds none ({SHIPPED} is missing): "
            "give one with --model, or train one with `asgn train`"
        )
    return SHIPPED


def open_segmenter(path: Path | None, device: torch.device, densecrf: bool = False) -> Segmenter:
    """The segmenter of a checkpoint file, a run's folder or a folder of `asgn export`; without a path, the default.

    An exported model runs on the processor, whatever the device.

    Raises:
        CheckpointError: nothing is there, or it is damaged.
        MissingExtraError: dense CRF is asked for, or an exported model is given, without its extra.
    """
    chosen = default_model() if path is None else path
    if is_export(chosen):
        return OnnxSegmenter.load(chosen, "cpu", densecrf)
    return Segmenter.load(chosen, device, densecrf)
