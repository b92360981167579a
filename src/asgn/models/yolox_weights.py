"""YOLOX's weights, from its authors' checkpoint or from an ONNX graph of it, in the form that `YoloxNano` has."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asgn.errors import CheckpointError, MissingExtraError
from asgn.models.weights_file import ONNX, read_weights
from asgn.models.yolox import ConvSiLU, YoloxNano

_EPSILON = 1e-3
"""Of the authors' batch norm; PyTorch's default is another."""
_UNUSED_IN_A_LEVEL = 7
"""Convolutions of the head behind a level's class branch: class, four of the box branch, box, object."""


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of the detector, by name: an ONNX graph, or what `read_weights` takes.

    Raises:
        CheckpointError: the file is missing, damaged, or of another kind or network.
        MissingExtraError: it is an ONNX graph, and the extra `onnx` is not installed.
    """
    return read_onnx(path) if path.suffix == ONNX and path.is_file() else read_weights(path)


def convert(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The detector's tensors as `YoloxNano` has them: batch norm folded, the first convolution over RGB."""
    return in_rgb(fold_batch_norm(tensors))


def fold_batch_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The authors' `NAME.conv.weight` and `NAME.bn.*` as `NAME.weight` and `NAME.bias`; anything else stays."""
    folded = {}
    for name, tensor in tensors.items():
        layer = name.removesuffix(".conv.weight")
        if f"{layer}.bn.running_var" in tensors and layer != name:
            scale, shift, mean, variance = (
                tensors.get(f"{layer}.bn.{part}", torch.empty(0)).double()
                for part in ("weight", "bias", "running_mean", "running_var")
            )
            if not len(scale) == len(shift) == len(mean) == len(variance) == len(tensor):
                continue  # what is missing is named on loading
            gain = scale / torch.sqrt(variance + _EPSILON)
            folded[f"{layer}.weight"] = (tensor.double() * gain[:, None, None, None]).float()
            folded[f"{layer}.bias"] = (shift - mean * gain).float()
        elif ".bn." not in name:
            folded[name] = tensor
    return {name.replace("stem.conv.", "stem."): tensor for name, tensor in folded.items()}


def read_onnx(path: Path) -> dict[str, Tensor]:
    """The convolutions of an ONNX graph of YOLOX-nano, batch norm folded, under the names of the checkpoint.

    Exporters lose the names of folded weights but keep the order of execution, so that convolutions are counted.

    Raises:
        CheckpointError: the file cannot be read or its convolutions are not the detector's.
        MissingExtraError: the extra `onnx` is not installed.
    """
    graph = _read_graph(path)
    stored = {item.name: item for item in graph.initializer}
    found = [node for node in graph.node if node.op_type == "Conv"]
    expected = list(_convolutions_as_run())
    if len(found) != len(expected):
        raise CheckpointError(
            f"weights {path} do not fit this network: the graph has {len(found)} convolutions, "
            f"YOLOX-nano {len(expected)}"
        )
    tensors: dict[str, Tensor] = {}
    for node, layer in zip(found, expected, strict=True):
        if layer is None:
            continue
        if len(node.input) < 3 or not {node.input[1], node.input[2]} <= stored.keys():
            raise CheckpointError(
                f"weights {path} do not fit this network: {node.name or layer} has no folded batch norm; export the "
                "detector in evaluation mode"
            )
        tensors[f"{layer}.weight"], tensors[f"{layer}.bias"] = (_tensor(stored[name]) for name in node.input[1:3])
    return tensors


def in_rgb(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The first convolution over four sampled BGR images, (16, 12, 3, 3), as one over RGB, (16, 3, 6, 6).

    The authors join the pixels of each 2x2 square as channels: top left, bottom left, top right, bottom right.
    """
    stem = tensors.get("stem.weight")
    if stem is None or stem.shape != (16, 12, 3, 3):
        return dict(tensors)
    squares = stem.view(16, 2, 2, 3, 3, 3).flip(3)  # out, column, row, RGB, kernel rows, kernel columns
    whole = squares.permute(0, 3, 4, 2, 5, 1).reshape(16, 3, 6, 6)
    return {**tensors, "stem.weight": whole.contiguous()}


def _read_graph(path: Path) -> Any:
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise MissingExtraError("onnx", "onnx") from error
    try:
        return onnx.load(str(path)).graph
    except (OSError, DecodeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"weights {path} cannot be read ({reason}): damaged, or of another kind") from error


def _tensor(stored: Any) -> Tensor:
    from onnx import numpy_helper

    return torch.from_numpy(numpy_helper.to_array(stored).copy())


def _convolutions_as_run() -> Iterator[str | None]:
    """The layers of the whole detector in the order of execution; None for those of the head that are not used."""
    network, order = YoloxNano(), []
    for name, module in network.named_modules():
        if isinstance(module, ConvSiLU):
            module.register_forward_hook(lambda *_, name=name: order.append(name))
    network(torch.zeros(1, 3, 32, 32))
    for name in order:
        yield name
        if name.startswith("head.cls_convs.") and name.endswith(".1.pconv"):
            yield from [None] * _UNUSED_IN_A_LEVEL
