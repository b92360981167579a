"""`OnnxSegmenter`: an exported model put to use by onnxruntime, as `Segmenter` puts a checkpoint to use.

Words, resizing and results are the code of `Segmenter`, so that both answer alike; PyTorch still does the resizing.
A folder of `asgn export` holds both graphs, and in `config.json` what a checkpoint's header says.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from asgn.checkpoint import Model, rebuild_model
from asgn.config import ModelConfig
from asgn.errors import CheckpointError, MissingExtraError, UserError
from asgn.inference.segmenter import Segmenter
from asgn.models.generator import Generator, ImageFeatures
from asgn.models.weights_file import sha256_of
from asgn.variants import Variant

FORMAT = 1
ENCODE, DECODE, CONFIG = "encode.onnx", "decode.onnx", "config.json"
SEMANTIC = "semantic"
"""Name of the encoder's output that holds the image's share of the logits with SE."""

_ERRORS_ONLY = 3
_NO_CHECKPOINT = "an exported model cannot be made a checkpoint again: copy its folder, or save the original"


class OnnxGenerator(Generator):
    """The two exported graphs in the place of the networks.

    Their logits come at pixels: the stride is 1, and nothing is left to upsample.

    Args:
        graphs: by `encode.onnx` and `decode.onnx`, each the path of a graph or its bytes.
        digest: hexadecimal, tells these graphs from others where networks are told apart by their weights.
        one_by_one: answer each phrase alone, through its own words only: RMI touches the whole map for every word.
        threads: processor threads of a graph; by default as many as PyTorch uses.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """

    stride = 1

    def __init__(
        self, graphs: Mapping[str, Path | bytes], digest: str = "", one_by_one: bool = False, threads: int | None = None
    ) -> None:
        nn.Module.__init__(self)  # the parts of a generator are in the graphs
        self.upsample = nn.Identity()
        self.register_buffer("digest", torch.tensor(list(bytes.fromhex(digest)), dtype=torch.uint8))
        self._encode = _open_session(graphs[ENCODE], threads)
        self._decode = _open_session(graphs[DECODE], threads)
        self._one_by_one = one_by_one
        self._shares = [output.name for output in self._encode.get_outputs()]

    def encode(self, images: Tensor) -> ImageFeatures:
        """One raw RGB image, (1, 3, S, S) uint8, to what every phrase about it shares."""
        arrays = self._encode.run(None, {"image": images.numpy()})
        shares = dict(zip(self._shares, map(torch.from_numpy, arrays), strict=True))
        semantic = shares.pop(SEMANTIC, None)
        return ImageFeatures(tuple(shares.values()), semantic)

    def decode(self, features: ImageFeatures, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits (P, 1, S, S) of P phrases over one image: `tokens` (P, T) padded behind, `lengths` (P,)."""
        shares = (*features.fusion, *(() if features.semantic is None else (features.semantic,)))
        inputs = {name: share.numpy() for name, share in zip(self._shares, shares, strict=True)}
        rows = [slice(None)] if not self._one_by_one else [slice(p, p + 1) for p in range(len(tokens))]
        logits = []
        for row in rows:
            words = int(lengths[row].max())
            asked = {"tokens": tokens[row, :words].numpy(), "lengths": lengths[row].numpy()}
            logits.append(torch.from_numpy(self._decode.run(None, inputs | asked)[0]))
        return torch.cat(logits).unsqueeze(1)


class OnnxSegmenter(Segmenter):
    """An exported model on the processor, with the interface of `Segmenter`."""

    def __init__(self, model: Model, densecrf: bool = False) -> None:
        super().__init__(model, "cpu", densecrf)

    @classmethod
    def load(cls, path: str | Path, device: str | torch.device = "cpu", densecrf: bool = False) -> "OnnxSegmenter":
        """Load a folder that `asgn export` wrote.

        Raises:
            CheckpointError: nothing is there, or it is damaged.
            MissingExtraError: onnxruntime, or dense CRF if asked for, is not installed.
            UserError: another device than the processor is asked for.
        """
        if torch.device(device).type != "cpu":
            raise UserError(f"an exported model runs on the processor only, not on {device}: give --device cpu")
        return cls(load_export(Path(path)), densecrf)

    def save_pretrained(self, folder: str | Path, half_precision: bool = False) -> None:
        """Refused with UserError: graphs cannot be turned back into a checkpoint."""
        raise UserError(_NO_CHECKPOINT)

    def push_to_hub(self, repo_id: str, private: bool = False, half_precision: bool = False) -> str:
        """Refused as `save_pretrained`."""
        raise UserError(_NO_CHECKPOINT)


def is_export(path: Path) -> bool:
    """Whether a path is a folder of `asgn export`."""
    return (path / ENCODE).is_file()


def load_export(folder: Path, threads: int | None = None) -> Model:
    """An exported model, its generator run by onnxruntime.

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
    digest = "".join(header["graphs"][name] for name in paths)

    def build(config: ModelConfig) -> OnnxGenerator:
        return OnnxGenerator(paths, digest, Variant.parse(config.variant).fusion == "RMI", threads)

    return rebuild_model(header, build, str(folder / CONFIG))


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


def _open_session(graph: Path | bytes, threads: int | None) -> Any:
    runtime = require_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    options.log_severity_level = _ERRORS_ONLY
    source = graph if isinstance(graph, bytes) else str(graph)
    return runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
