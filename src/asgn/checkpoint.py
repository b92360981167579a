"""Checkpoints: one safetensors file whose header holds, as JSON, all that rebuilds the model.

A file is written whole or not at all, every tensor carries a checksum, and loading is strict: names, shapes and
checksums must all agree.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from asgn.config import ModelConfig
from asgn.data.vocabulary import Subwords, Vocabulary, vocabulary_from_json
from asgn.errors import CheckpointError, MissingExtraError, UserError
from asgn.files import atomic_write
from asgn.models import clipseg
from asgn.models.build import build_generator
from asgn.models.generator import Generator
from asgn.models.weights_file import load_exactly, sha256_of
from asgn.variants import Variant

FORMAT = 1
_HEADER_KEY = "asgn"
GENERATOR = "generator."


@dataclass(frozen=True)
class PresenceCalibration:
    """From which presence score on a phrase's object counts as being in the image, and how well that tells."""

    threshold: float
    balanced_accuracy: float
    """Mean of the shares of present phrases found and of absent ones refused, in percent, on images left out."""
    present: int
    """Phrases about something in their image that it was measured on."""
    absent: int
    """Phrases about nothing in their image."""
    data: dict[str, Any]
    """The split, as JSON values."""


@dataclass(frozen=True)
class ModelDescription:
    """All that is known of a model besides its network."""

    config: ModelConfig
    vocabulary: Vocabulary
    provenance: dict[str, Any]
    presence: PresenceCalibration | None = None


@dataclass(frozen=True)
class Model:
    """A generator with everything needed to use it."""

    generator: Generator
    config: ModelConfig
    vocabulary: Vocabulary
    provenance: dict[str, Any]
    """Where backbone and training data came from, as JSON values."""
    presence: PresenceCalibration | None = None
    """None for a model that was not calibrated."""


def save_model(path: Path, model: Model, half_precision: bool = False) -> None:
    """Write a model checkpoint.

    With `half_precision` weights take two bytes each, for models that are shipped; loading makes float32 of them
    again, each within a 2,000th of what it was. A tensor with a value that two bytes cannot hold is left as it is.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = model.generator.state_dict()
    if half_precision:
        tensors = {name: _halved(tensor) for name, tensor in tensors.items()}
    write_tensors(path, prefixed(GENERATOR, tensors), model_header(model))


def model_header(model: Model | ModelDescription) -> dict[str, Any]:
    """What the header of every checkpoint says of its model."""
    header = {
        "model": model.config.to_json(),
        "vocabulary": model.vocabulary.to_json(),
        "provenance": model.provenance,
    }
    return header if model.presence is None else header | {"presence": asdict(model.presence)}


def write_presence(path: Path, presence: PresenceCalibration) -> Path:
    """Put a calibration into a checkpoint file, or into a run folder's best one, and give the file's path.

    Everything else in it stays as it is. Raises CheckpointError as `load_model`, and OutputError.
    """
    file = find_checkpoint(path)
    tensors, header = read_tensors(file)
    write_tensors(file, tensors, header | {"presence": asdict(presence)})
    return file


def load_model(path: Path, builder: str | None = None) -> Model:
    """Rebuild a model from a checkpoint file, or from a run folder's best (else last) one.

    Args:
        path: of the file or folder, or the folder of a CLIPSeg by transformers.
        builder: import name of code that a user has named, so that the checkpoint may have its network built by it.

    Raises:
        CheckpointError: nothing is there, it is damaged or of another format, or it names code that is not trusted.
        MissingExtraError: it is a CLIPSeg, and transformers is not installed.
    """
    if clipseg.is_pretrained(path):
        return _load_clipseg(path)
    tensors, header = read_tensors(find_checkpoint(path))
    description = read_description(header, str(path))
    is_named = Variant.parse(description.config.variant).builder == builder
    generator = build_generator(description.config, is_named).to(memory_format=torch.channels_last)
    load_exactly(generator, unprefixed(GENERATOR, tensors), str(path))
    return Model(generator.eval(), **vars(description))


def _load_clipseg(folder: Path) -> Model:
    """What transformers keeps, as a model; what it was trained on is not known from its files."""
    found = clipseg.read_pretrained(folder)
    vocabulary = Subwords(found.tokeniser)
    config = ModelConfig.for_variant(
        Variant.parse(clipseg.ROW), len(vocabulary), image_size=found.image_size, settings=found.settings
    )
    cached = (part.removeprefix("models--") for part in folder.parts if part.startswith("models--"))
    source = {
        "source": next(cached, folder.name).replace("--", "/"),
        "sha256": sha256_of(folder / "model.safetensors"),
        "trained_on": ["unknown"],
    }
    generator = clipseg.ClipSeg(found.network, config).to(memory_format=torch.channels_last)
    return Model(generator.eval(), config, vocabulary, {"backbone": source})


def read_description(header: Mapping[str, Any], origin: str) -> ModelDescription:
    """The description in a header (see `model_header`).

    Raises:
        CheckpointError: it is not whole; the message names `origin`.
        MissingExtraError: its words are a tokeniser's, and tokenizers is not installed.
    """
    try:
        config = ModelConfig(**header["model"])
        vocabulary = vocabulary_from_json(header["vocabulary"], config.trained_words or None)
        presence = PresenceCalibration(**header["presence"]) if "presence" in header else None
    except MissingExtraError:
        raise
    except (KeyError, TypeError, UserError) as error:
        raise CheckpointError(f"{origin} lacks a model's description ({error}): it is of another version") from error
    return ModelDescription(config, vocabulary, header.get("provenance", {}), presence)


def find_checkpoint(path: Path) -> Path:
    """The checkpoint that a path given by a user means."""
    if path.is_file():
        return path
    for name in ("best.safetensors", "model.safetensors", "last.safetensors"):
        if (path / name).is_file():
            return path / name
    what = "holds no checkpoint" if path.is_dir() else "does not exist"
    raise CheckpointError(f"model {path} {what}: give a .safetensors file or the folder of a run")


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any], keep_as: Path | None = None
) -> None:
    """Write tensors and a JSON header, with a checksum for each tensor; `atomic_write` says what `keep_as` is for."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    checksums = {name: _checksum(tensor) for name, tensor in stored.items()}
    text = json.dumps({"format": FORMAT, "checksums": checksums, **header})

    def write(temporary: Path) -> None:
        try:
            save_file(stored, temporary, {_HEADER_KEY: text})
        except SafetensorError as error:  # a full disk is one too
            raise OSError(error) from error

    atomic_write(path, write, keep_as)


def read_header(path: Path) -> dict[str, Any]:
    """The header of a checkpoint file alone. Raises CheckpointError as `read_tensors`, damaged tensors apart."""
    try:
        with safe_open(path, framework="pt") as file:
            return _header_of(file, path)
    except (OSError, RuntimeError, SafetensorError, ValueError) as error:
        raise CheckpointError(f"checkpoint {path} cannot be read ({error}): damaged, or of another kind") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the header of a checkpoint file.

    Raises:
        CheckpointError: the file is missing, cut short, altered, not a checkpoint of this program, or holds numbers
            that are not finite.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = _header_of(file, path)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, RuntimeError, SafetensorError, ValueError) as error:
        raise CheckpointError(f"checkpoint {path} cannot be read ({error}): damaged, or of another kind") from error
    damaged = [name for name, tensor in tensors.items() if header["checksums"].get(name) != _checksum(tensor)]
    if damaged or set(tensors) != set(header["checksums"]):
        raise CheckpointError(f"checkpoint {path} is damaged: {len(damaged) or 'some'} tensors fail their checksum")
    diverged = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if diverged:
        raise CheckpointError(
            f"checkpoint {path} holds numbers that are not finite ({diverged[0]}): its training diverged, so train "
            "again with a lower learning rate"
        )
    return tensors, header


def _header_of(file: Any, path: Path) -> dict[str, Any]:
    text = (file.metadata() or {}).get(_HEADER_KEY)
    if text is None:
        raise CheckpointError(f"{path} is not a checkpoint of asgn: its header is missing")
    header: dict[str, Any] = json.loads(text)
    if header.get("format") != FORMAT:
        raise CheckpointError(f"{path} has checkpoint format {header.get('format')}, this version reads {FORMAT}")
    return header


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under longer names."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def unprefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _halved(tensor: Tensor) -> Tensor:
    half = tensor.half()
    return half if tensor.dtype == torch.float32 and bool(half.isfinite().all()) else tensor


def _checksum(tensor: Tensor) -> int:
    return zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data)
