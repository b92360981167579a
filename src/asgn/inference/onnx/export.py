"""Export a model as two ONNX graphs: one encodes an image, the other answers phrases about it.

| graph | inputs | outputs |
|---|---|---|
| `encode.onnx` | `image` (1, 3, S, S) uint8 RGB | `fusion_0`, with DE and RMI `fusion_1`, with SE `semantic` |
| `decode.onnx` | those, `tokens` (P, T) int64, right-padded, `lengths` (P,) int64 | `logits` (P, S, S) at pixels |

The numbers of phrases P and words T are free. Both graphs are run against the network before anything is written.
"""

import contextlib
import copy
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from asgn.checkpoint import Model, model_header
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.data.vocabulary import MAX_WORDS, SPECIAL
from asgn.errors import ExportError, MissingExtraError
from asgn.files import atomic_write, atomic_write_json, ensure_writable_folder
from asgn.inference.backend import Backend, TorchBackend
from asgn.inference.onnx.runner import CONFIG, DECODE, ENCODE, FORMAT, SEMANTIC, OnnxBackend, require_onnxruntime
from asgn.inference.results.segmentation import THRESHOLD
from asgn.models.generator import Generator, ImageFeatures
from asgn.models.weights_file import sha256_of
from asgn.variants import Variant

SMALLEST_IOU = 0.999
"""Overlap of the graphs' masks with the network's below which an export fails."""
LARGEST_DIFFERENCE = 1e-3
"""The most that a logit may differ, relative to the largest one or to 1."""

_LENGTHS = (1, 2, 5, 11, MAX_WORDS)
"""Words of the phrases that graphs are checked with."""


@dataclass(frozen=True)
class Parity:
    """How far the graphs' answers are from the network's, over one drawn scene and phrases of all lengths."""

    logit_difference: float
    """The largest, relative to the largest logit or to 1."""
    mask_iou: float
    """Sum of intersections over sum of unions."""


def export_model(model: Model, folder: Path) -> Parity:
    """Write `encode.onnx`, `decode.onnx` and `config.json` into a folder, made if needed.

    Raises:
        ExportError: the graphs' answers are not the network's, or a network from outside of the rows cannot be made
            graphs; nothing is written.
        MissingExtraError: the extra `onnx` is not installed.
        OutputError: the folder cannot be written to.
    """
    _require_exporter()
    ensure_writable_folder(folder)
    try:
        graphs, parity = _checked_graphs(model)
    except Exception as error:
        if isinstance(error, ExportError) or Variant.parse(model.config.variant).builder is None:
            raise
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        row = model.config.variant
        raise ExportError(f"{row} cannot be exported: no graph answers as its code does ({reason})") from error
    for name, content in graphs.items():
        atomic_write(folder / name, partial(Path.write_bytes, data=content))
    description = {
        "format": FORMAT,
        "made_with": {name: version(name) for name in ("asgn", "torch", "onnx", "onnxscript")},
        "graphs": {name: sha256_of(folder / name) for name in graphs},
        "parity": asdict(parity),
    }
    atomic_write_json(folder / CONFIG, description | model_header(model))
    return parity


def _checked_graphs(model: Model) -> tuple[dict[str, bytes], Parity]:
    generator = copy.deepcopy(model.generator).cpu().eval().to(memory_format=torch.contiguous_format)  # as in ONNX
    with _quiet(), torch.no_grad():
        graphs = {ENCODE: _encode_graph(generator, _scene(model)), DECODE: _decode_graph(generator, _scene(model))}
    return graphs, check_parity(model, OnnxBackend(graphs))


def check_parity(model: Model, exported: Backend) -> Parity:
    """Compare graphs with the network, phrase by phrase and with all phrases at once.

    Raises:
        ExportError: a logit or the masks differ by more than they may.
    """
    scene = _scene(model)
    tokens, lengths = _phrases(model)
    network, features = TorchBackend(model.generator), exported.encode(scene)
    expected = network.logits(network.encode(scene), tokens, lengths)
    together = exported.logits(features, tokens, lengths)
    alone = [
        exported.logits(features, tokens[p : p + 1, :length], lengths[p : p + 1])
        for p, length in enumerate(lengths.tolist())
    ]
    parity = _compare(expected.repeat(2, 1, 1), torch.cat([together, *alone]))
    if not (parity.logit_difference <= LARGEST_DIFFERENCE and parity.mask_iou >= SMALLEST_IOU):
        raise ExportError(
            f"the exported graphs do not answer as the network does (logits differ by {parity.logit_difference:.2g}, "
            f"masks agree to {parity.mask_iou:.4f}): nothing was written; try other versions of torch and onnxscript"
        )
    return parity


def _compare(expected: Tensor, given: Tensor) -> Parity:
    scale = max(1.0, float(expected.abs().max()))
    true, found = expected >= THRESHOLD, given >= THRESHOLD
    union = int((true | found).sum())
    iou = int((true & found).sum()) / union if union else 1.0
    return Parity(float((given - expected).abs().max()) / scale, iou)


def _scene(model: Model) -> Tensor:
    """(1, 3, S, S) uint8."""
    scene = SyntheticDataset("val", scenes=1, size=model.config.image_size)
    return torch.from_numpy(scene.image(scene.expressions[0].image_id)).permute(2, 0, 1).unsqueeze(0).contiguous()


def _phrases(model: Model) -> tuple[Tensor, Tensor]:
    """Phrases of drawn words, as tokens (P, T), right-padded, and lengths (P,)."""
    words = len(model.vocabulary)
    first = min(len(SPECIAL), words - 1)
    tokens = torch.randint(first, words, (len(_LENGTHS), MAX_WORDS), generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor(_LENGTHS)
    return tokens * (torch.arange(MAX_WORDS) < lengths[:, None]), lengths


class _Encode(nn.Module):
    """`Generator.encode` with plain tensors around it."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return _shares(self.generator.encode(image))


class _Decode(nn.Module):
    """`Generator.decode` and the upsampling, with plain tensors around them."""

    def __init__(self, generator: Generator, has_semantic: bool) -> None:
        super().__init__()
        self.generator = generator
        self.has_semantic = has_semantic

    def forward(self, shares: Sequence[Tensor], tokens: Tensor, lengths: Tensor) -> Tensor:
        fusion, semantic = (shares[:-1], shares[-1]) if self.has_semantic else (shares, None)
        grid = self.generator.decode(ImageFeatures(tuple(fusion), semantic), tokens, lengths)
        pixels: Tensor = self.generator.upsample(grid)
        return pixels.squeeze(1)


def _shares(features: ImageFeatures) -> tuple[Tensor, ...]:
    return features.fusion if features.semantic is None else (*features.fusion, features.semantic)


def _share_names(features: ImageFeatures) -> list[str]:
    names = [f"fusion_{index}" for index in range(len(features.fusion))]
    return names if features.semantic is None else [*names, SEMANTIC]


def _encode_graph(generator: Generator, scene: Tensor) -> bytes:
    return _to_onnx(_Encode(generator), (scene,), None, ["image"], _share_names(generator.encode(scene)))


def _decode_graph(generator: Generator, scene: Tensor) -> bytes:
    features = generator.encode(scene)
    shares = _shares(features)
    tokens, lengths = torch.full((3, 7), len(SPECIAL) - 1), torch.tensor([7, 3, 5])
    phrases, words = torch.export.Dim("phrases"), torch.export.Dim("words")
    free: Any = (tuple({} for _ in shares), {0: phrases, 1: words}, {0: phrases})
    network = _Decode(generator, features.semantic is not None)
    inputs = [*_share_names(features), "tokens", "lengths"]
    return _to_onnx(network, (shares, tokens, lengths), free, inputs, ["logits"])


def _to_onnx(network: nn.Module, example: Any, free: Any, inputs: list[str], outputs: list[str]) -> bytes:
    made = torch.onnx.export(
        network, example, dynamic_shapes=free, input_names=inputs, output_names=outputs, dynamo=True, verbose=False
    )
    assert made is not None
    content: bytes = made.model_proto.SerializeToString()
    return content


def _require_exporter() -> None:
    require_onnxruntime()
    for package in ("onnx", "onnxscript"):
        try:
            __import__(package)
        except ImportError as error:
            raise MissingExtraError(package, "onnx") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of its own workings; what counts is whether its graphs answer right."""
    loggers = [logging.getLogger(name) for name in ("torch.export", "torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for logger in loggers:
                logger.setLevel(logging.CRITICAL)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
