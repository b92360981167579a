"""Pretrained backbones: torchvision's by default, or a user's file; with a note of what they were trained on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlparse

import torch
from torch import Tensor
from torchvision.models import ResNet101_Weights, VGG16_Weights
from torchvision.models.segmentation import DeepLabV3_ResNet101_Weights

from asgn.errors import CheckpointError
from asgn.models.generator import Generator
from asgn.models.weights_file import load_exactly, read_weights, sha256_of, without_wrappers
from asgn.variants import BackboneName, Variant

Weights = Path | Literal["default", "random"]


@dataclass(frozen=True)
class Provenance:
    """Where a backbone's weights came from; stored in each checkpoint, so that leaks can be found later."""

    source: str
    """An address, a file's name, or `random`."""
    sha256: str | None
    """Digest of the file; None for random weights."""
    trained_on: tuple[str, ...]
    """The collections of photographs that the weights have seen, as far as is known."""


@dataclass(frozen=True)
class _Release:
    """Weights that torchvision publishes."""

    url: str
    trained_on: tuple[str, ...]


@dataclass(frozen=True)
class _Source:
    """What weights of one backbone look like."""

    release: _Release | None
    visual: str | None
    """Name of the classifier that initialises the generator's visual layer; None where that layer is new."""
    ignored: tuple[str, ...]
    """Beginnings of the names of heads, which no backbone has."""
    rename: Callable[[str], str] = str


_CLASSIFIER_OF_VGG = {"classifier.0": "fc6", "classifier.3": "fc7", "classifier.6": "fc8"}


def _rename_vgg(name: str) -> str:
    layer, _, kind = name.rpartition(".")
    return f"{_CLASSIFIER_OF_VGG.get(layer, layer)}.{kind}"


_SOURCES: dict[BackboneName, _Source] = {
    "R": _Source(
        _Release(ResNet101_Weights.IMAGENET1K_V1.url, ("ImageNet",)),
        visual="fc",
        ignored=(),
    ),
    "D": _Source(
        _Release(
            DeepLabV3_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1.url,
            ("ImageNet", "MS-COCO train2017 with the labels of VOC"),
        ),
        visual=None,
        ignored=("classifier.", "aux_classifier.", "fc.", "aspp.", "decoder.", "layer5."),
    ),
    "SNLE": _Source(
        _Release(VGG16_Weights.IMAGENET1K_V1.url, ("ImageNet",)), visual="fc8", ignored=(), rename=_rename_vgg
    ),
    "M": _Source(None, visual=None, ignored=("image_pooling.", "aspp0.", "concat_projection.", "logits.")),
}

_KNOWN_FILES = {
    "b44bb0c9fd1f25925fbbb5fd93d920c47e21a08f52c0b7ddced009e57161e0f4": (
        "VOC 2012 train+val",
        "MS-COCO (most likely)",
        "ImageNet (most likely)",
    )
}


def load_backbone_weights(generator: Generator, variant: Variant, weights: Weights) -> Provenance:
    """Load a backbone, and for `R` and `SNLE` the visual layer that was its classifier (protocol sections 3 and 8).

    `default` takes torchvision's weights, downloaded once; `random` leaves all as it is; a path is a state dict,
    .safetensors, .pth or .pt, whose wrapper prefixes and known heads are disregarded.

    Raises:
        CheckpointError: the file cannot be read or does not fit, the download failed, or there is none for `M`.
    """
    if weights == "random":
        return Provenance("random", None, ())
    source = _SOURCES[variant.backbone]
    if isinstance(weights, Path):
        path, name = weights, weights.name
    elif source.release is None:
        raise CheckpointError(
            f"{variant.backbone} has no weights to download: give DeepLab-MobileNetV2's file with --weights FILE, "
            "or train from scratch with --weights random"
        )
    else:
        path, name = download(source.release.url), source.release.url
    _load_into(generator, source, read_weights(path), f"the file {path}")
    digest = sha256_of(path)
    if isinstance(weights, Path):
        return Provenance(name, digest, _KNOWN_FILES.get(digest) or _trained_on_of(digest))
    assert source.release is not None
    return Provenance(name, digest, source.release.trained_on)


def download(url: str) -> Path:
    """Fetch a file into PyTorch's cache, unless it is there, and check the digest in its name.

    Raises:
        CheckpointError: there is no way to it, or it arrived damaged.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=path.stem.rsplit("-", 1)[-1], progress=True)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            f"cannot download {url} ({error}): fetch it another way and give it with --weights FILE"
        ) from error
    return path


def _trained_on_of(digest: str) -> tuple[str, ...]:
    """What a user's file has seen: known only if it is one of torchvision's, whose names begin with the digest."""
    for source in _SOURCES.values():
        if source.release is not None and f"-{digest[:8]}." in source.release.url:
            return source.release.trained_on
    return ("unknown",)


def _load_into(generator: Generator, source: _Source, tensors: Mapping[str, Tensor], origin: str) -> None:
    named = {
        source.rename(name): tensor
        for name, tensor in without_wrappers(tensors).items()
        if not name.startswith(source.ignored)
    }
    visual = {name: tensor for name, tensor in named.items() if _layer_of(name) == source.visual}
    backbone = {name: tensor for name, tensor in named.items() if name not in visual}
    load_exactly(generator.backbone, _as_convolutions(backbone, generator.backbone.state_dict()), origin)
    if visual:
        _load_visual(generator, {name.rpartition(".")[2]: tensor for name, tensor in visual.items()}, origin)


def _load_visual(generator: Generator, tensors: Mapping[str, Tensor], origin: str) -> None:
    """The classifier's 1000 rows as a 1x1 convolution; a visual layer of another width starts anew."""
    own = generator.visual.state_dict()
    if len(own["weight"]) == len(tensors["weight"]):
        load_exactly(generator.visual, _as_convolutions(tensors, own), origin)


def _as_convolutions(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Fully connected weights, (out, in), in the shape of the convolutions that they are loaded as."""
    return {
        name: tensor.view(own[name].shape)
        if tensor.ndim == 2 and name in own and own[name].ndim == 4 and tensor.numel() == own[name].numel()
        else tensor
        for name, tensor in tensors.items()
    }


def _layer_of(name: str) -> str:
    return name.rpartition(".")[0]
