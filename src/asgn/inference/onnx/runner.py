"""An exported model run by onnxruntime, behind a `Segmenter` like any other.

A folder of `asgn export` holds both graphs, and in `config.json` what a checkpoint's header says.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asgn.checkpoint import ModelDescription, read_description
from asgn.errors import CheckpointError, MissingExtraError
from asgn.models.generator import ImageFeatures
from asgn.models.weights_file import sha256_of
from asgn.variants import Variant

FORMAT = 1
ENCODE, DECODE, CONFIG = "encode.onnx", "decode.onnx", "config.json"
SEMANTIC = "semantic"
"""Name of the encoder's output that holds the image's share of the logits with SE."""

_ERRORS_ONLY = 3


class OnnxBackend:
    """The two exported graphs on the processor; their logits come at pixels.

    Args:
        graphs: by `encode.onnx` and `decode.onnx`, each the path of a graph or its bytes.
        graph_digest: hexadecimal, tells these graphs from others.
        one_by_one: answer each phrase alone, through its own words only: RMI touches the whole map for every word.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """

    def __init__(
        self,
        graphs: Mapping[str, Path | bytes],
        graph_digest: str = "",
        one_by_one: bool = False,
    ) -> None:
        self._graph_digest = graph_digest
        self._encode = _open_session(graphs[ENCODE])
        self._decode = _open_session(graphs[DECODE])
        self._one_by_one = one_by_one
        self._shares = [output.name for output in self._encode.get_outputs()]

    def encode(self, image: Tensor) -> ImageFeatures:
        """See `Backend`."""
        arrays = self._encode.run(None, {"image": image.numpy()})
        shares = dict(zip(self._shares, map(torch.from_numpy, arrays), strict=True))
        semantic = shares.pop(SEMANTIC, None)
        return ImageFeatures(tuple(shares.values()), semantic)

    def logits(self, features: ImageFeatures, tokens: Tensor, lengths: Tensor) -> Tensor:
        """See `Backend`."""
        shares = (*features.fusion, *(() if features.semantic is None else (features.semantic,)))
        inputs = {name: share.numpy() for name, share in zip(self._shares, shares, strict=True)}
        rows = [slice(None)] if not self._one_by_one else [slice(p, p + 1) for p in range(len(tokens))]
        logits = []
        for row in rows:
            words = int(lengths[row].max())
            asked = {"tokens": tokens[row, :words].numpy(), "lengths": lengths[row].numpy()}
            logits.append(torch.from_numpy(self._decode.run(None, inputs | asked)[0]))
        return torch.cat(logits)

    def digest(self) -> str:
        """See `Backend`."""
        return hashlib.sha256(b"digest" + bytes.fromhex(self._graph_digest)).hexdigest()


def is_export(path: Path) -> bool:
    """Whether a path is a folder of `asgn export`."""
    return (path / ENCODE).is_file()


def load_export(folder: Path) -> tuple[ModelDescription, OnnxBackend]:
    """An exported model: what it is, and what runs it.

    Raises:
        CheckpointError: a file is missing, damaged, or of another version.
        MissingExtraError: onnxruntime is not installed.
    """
    require_onnxruntime()
    header = _read_config(folder / CONFIG)
    paths = {name: folder / name for name in (ENCODE, DECODE)}
    for name, path in paths.items():
        if not path.is_file():
            raise CheckpointError(f"exported model {folder} lacks {name}: export it again with `asgn export`")
        if sha256_of(path) != header["graphs"].get(name):
            raise CheckpointError(f"{path} is damaged or of another export: export it again with `asgn export`")
    description = read_description(header, str(folder / CONFIG))
    digest = "".join(header["graphs"][name] for name in paths)
    is_recurrent = Variant.parse(description.config.variant).fusion == "RMI"
    return description, OnnxBackend(paths, digest, is_recurrent)


def require_onnxruntime() -> Any:
    """The library's module. Raises MissingExtraError where it is not installed."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "onnx") from error
    return onnxruntime


def _read_config(path: Path) -> dict[str, Any]:
    try:
        header: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = header["format"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} is missing or damaged: export the model again with `asgn export`") from error
    if version != FORMAT:
        raise CheckpointError(f"{path} has export format {version}, this version reads {FORMAT}")
    return header


def _open_session(graph: Path | bytes) -> Any:
    runtime = require_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = _ERRORS_ONLY
    source = graph if isinstance(graph, bytes) else str(graph)
    return runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
