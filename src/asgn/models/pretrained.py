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
from asgn.models import yolox_weights
from asgn.models.backbone import Backbone
from asgn.models.generator import Generator
from asgn.models.mobilenet_yolox import MobileNetAndYolox
from asgn.models.paper_generator import PaperGenerator
from asgn.models.vision_transformer import VisionTransformer
from asgn.models.weights_file import load_exactly, read_weights, sha256_of, without_wrappers
from asgn.variants import BackboneName, Variant

OneWeights = Path | Literal["default", "random"]
Weights = OneWeights | tuple[Path, ...]
"""A tuple holds a file for each part of a joined backbone, in the order of its name."""


@dataclass(frozen=True)
class Provenance:
    """Where a backbone's weights came from; stored in each checkpoint, so that leaks can be found later."""

    source: str
    """An address, a file's name, or `random`."""
    sha256: str | None
    """Digest of the file; None for random weights and for those that timm downloads."""
    trained_on: tuple[str, ...]
    """The collections of images that the weights have seen, as far as is known."""


@dataclass(frozen=True)
class JoinedProvenance(Provenance):
    """Of a backbone whose parts came from files of their own."""

    parts: dict[str, Provenance]
    """By the part's letter."""


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
    read: Callable[[Path], dict[str, Tensor]] = read_weights
    convert: Callable[[dict[str, Tensor]], dict[str, Tensor]] = dict
    """From another program's form of the weights to the network's."""
    published: str = ""
    """What has to be given where there is no release."""


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
    "M": _Source(
        None,
        visual=None,
        ignored=("image_pooling.", "aspp0.", "concat_projection.", "logits."),
        published="DeepLab-MobileNetV2's file",
    ),
    "N": _Source(
        None,
        visual=None,
        ignored=("head.reg_convs.", "head.cls_preds.", "head.reg_preds.", "head.obj_preds."),
        read=yolox_weights.read,
        convert=yolox_weights.convert,
        published="YOLOX-nano's file (.pth or .onnx)",
    ),
}

_KNOWN_FILES = {
    "b44bb0c9fd1f25925fbbb5fd93d920c47e21a08f52c0b7ddced009e57161e0f4": (
        "VOC 2012 train+val",
        "MS-COCO (most likely)",
        "ImageNet (most likely)",
    ),
    "e8af074932d4ed7e232278e3055cefcdea3edf178874a3694ae292649fb464dd": ("MS-COCO train2017",),
}

_TIMM_COLLECTIONS = {"lvd142m": ("LVD-142M (images chosen from the web; not known whether MS-COCO's are among them)",)}
"""By the tag of a name in timm."""


def load_backbone_weights(generator: Generator, variant: Variant, weights: Weights) -> Provenance:
    """Load a backbone, and for `R` and `SNLE` the visual layer that was its classifier (protocol sections 3 and 8).

    `default` takes torchvision's weights, for `V` timm's, downloaded once; `random` leaves all as it is; a path is a
    state dict, .safetensors, .pth or .pt, for `N` .onnx too, whose wrapper prefixes and known heads are disregarded.
    `MN` takes a file for each part. A generator from outside of the package has the weights that it was built with.

    Raises:
        CheckpointError: a file cannot be read or does not fit, the download failed, or there is none to download.
    """
    if weights == "random":
        return Provenance("random", None, ())
    if not isinstance(generator, PaperGenerator) or variant.backbone is None:
        if weights != "default":
            raise CheckpointError(f"--weights FILE is for the backbones of asgn: have {variant.builder} load its own")
        return Provenance(str(variant.builder), None, ("unknown",))
    if isinstance(generator.backbone, MobileNetAndYolox):
        return _load_both(generator.backbone, weights)
    if isinstance(weights, tuple):
        raise CheckpointError(f"{variant.backbone} takes one file of weights, not {len(weights)}: give --weights FILE")
    if isinstance(generator.backbone, VisionTransformer):
        return _load_vision_transformer(generator.backbone, weights)
    source = _SOURCES[variant.backbone]
    if isinstance(weights, Path):
        path = weights
    elif source.release is None:
        raise CheckpointError(
            f"{variant.backbone} has no weights to download: give {source.published} with --weights FILE, "
            "or train from scratch with --weights random"
        )
    else:
        path = download(source.release.url)
    _load_into(generator, source, source.read(path), f"the file {path}")
    if isinstance(weights, Path):
        return _provenance_of(weights)
    assert source.release is not None
    return Provenance(source.release.url, sha256_of(path), source.release.trained_on)


def _load_both(backbone: MobileNetAndYolox, weights: Weights) -> JoinedProvenance:
    if not isinstance(weights, tuple) or len(weights) != 2:
        raise CheckpointError(
            f"MN takes two files of weights: give {_SOURCES['M'].published} and {_SOURCES['N'].published} with "
            "--weights M_FILE,N_FILE, or train from scratch with --weights random"
        )
    parts: dict[str, Provenance] = {}
    networks: dict[BackboneName, Backbone] = {"M": backbone.mobilenet, "N": backbone.yolox}
    for (letter, network), path in zip(networks.items(), weights, strict=True):
        source = _SOURCES[letter]
        load_exactly(network, _named(source, source.read(path)), f"the file {path} for {letter}")
        parts[letter] = _provenance_of(path)
    seen = dict.fromkeys(name for part in parts.values() for name in part.trained_on)
    return JoinedProvenance(", ".join(part.source for part in parts.values()), None, tuple(seen), parts)


def _load_vision_transformer(backbone: VisionTransformer, weights: OneWeights) -> Provenance:
    if isinstance(weights, Path):
        origin = f"the file {weights}"
        load_exactly(backbone.network, backbone.converted(without_wrappers(read_weights(weights)), origin), origin)
        return _provenance_of(weights)
    load_exactly(backbone.network, backbone.published_weights(), "timm's file")
    tag = backbone.name.rpartition(".")[2]
    return Provenance(f"timm/{backbone.name}", None, _TIMM_COLLECTIONS.get(tag, ("unknown",)))


def _provenance_of(path: Path) -> Provenance:
    digest = sha256_of(path)
    return Provenance(path.name, digest, _KNOWN_FILES.get(digest) or _trained_on_of(digest))


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


def _load_into(generator: PaperGenerator, source: _Source, tensors: Mapping[str, Tensor], origin: str) -> None:
    named = _named(source, tensors)
    visual = {name: tensor for name, tensor in named.items() if name.rpartition(".")[0] == source.visual}
    backbone = {name: tensor for name, tensor in named.items() if name not in visual}
    load_exactly(generator.backbone, _as_convolutions(backbone, generator.backbone.state_dict()), origin)
    if visual:
        _load_visual(generator, {name.rpartition(".")[2]: tensor for name, tensor in visual.items()}, origin)


def _named(source: _Source, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the network's names and in its form, heads left out."""
    return source.convert(
        {
            source.rename(name): tensor
            for name, tensor in without_wrappers(tensors).items()
            if not name.startswith(source.ignored)
        }
    )


def _load_visual(generator: PaperGenerator, tensors: Mapping[str, Tensor], origin: str) -> None:
    """The classifier's 1000 rows as a 1x1 convolution; a visual layer of another width starts again."""
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
