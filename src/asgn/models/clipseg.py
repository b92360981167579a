"""CLIPSeg of transformers (arXiv:2112.10003) as a generator, with DE and SE where its row has them.

CLIP's image encoder is the backbone, and its text encoder stays frozen; what trains is the decoder.
"""

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asgn.config import ModelConfig
from asgn.errors import CheckpointError, MissingExtraError, UserError
from asgn.models.backbone import Backbone, Features, Normalise
from asgn.models.detail import DetailEnhancement
from asgn.models.generator import Generator, ImageFeatures
from asgn.models.semantic import MaskHead, SemanticMaskHead
from asgn.models.upsampling import CentredBilinear
from asgn.models.weights_file import load_exactly, read_weights
from asgn.variants import Variant

ROW = f"{__name__}:build"
PUBLISHED = "CIDAS/clipseg-rd64-refined"
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_NOISE = ("transformers_version", "_name_or_path", "architectures", "dtype")
"""Settings that say nothing of the network."""


class ClipVision(Backbone):
    """CLIP's image encoder as far as its deepest block that CLIPSeg reads; conv1 ... conv5 end its fifths.

    Maps are `blockN`, the patches behind block N, counted from 1, and for those read `classN`, (I, C, 1, 1).
    """

    between_pixels = True

    def __init__(self, vision: Any, read: Sequence[int]) -> None:
        super().__init__()
        depth, patch = max(read), vision.config.patch_size
        self.read = tuple(read)
        self.normalise = Normalise(255.0, _MEAN, _STD)
        self.embeddings, self.norm = vision.embeddings, vision.pre_layrnorm
        self.blocks = vision.encoder.layers[:depth]
        ends = {f"conv{fifth}": max(1, round(depth * fifth / 5)) for fifth in range(1, 6)}
        self.joined = {layer: (f"block{end}",) for layer, end in ends.items()}
        names = [f"block{number}" for number in sorted({*read, *ends.values()})]
        self.channels = dict.fromkeys(names, vision.config.hidden_size)
        self.strides = dict.fromkeys(names, patch)
        self.train()

    def forward(self, images: Tensor) -> Features:
        """Raw RGB images to the tokens behind its blocks."""
        grid = (images.shape[-2] // self.stride, images.shape[-1] // self.stride)
        state, maps = self.norm(self.embeddings(self.normalise(images))), {}
        for number, block in enumerate(self.blocks, start=1):
            state = block(state, None)
            if f"block{number}" in self.channels:
                maps[f"block{number}"] = state[:, 1:].transpose(1, 2).unflatten(2, grid)
            if number in self.read:
                maps[f"class{number}"] = state[:, 0, :, None, None]
        return maps


class ClipSeg(Generator):
    """The parts of a `CLIPSegForImageSegmentation`, its logits one a pixel.

    DE joins the decoder where the phrase does, at its first layer, by a 1x1 convolution that starts at zero; SE joins
    the map. A neutral SE and a new DE leave every mask as CLIPSeg has it.
    """

    backbone: ClipVision

    def __init__(self, network: Any, config: ModelConfig) -> None:
        super().__init__(stride=1)
        row, decoder = Variant.parse(config.variant), network.decoder
        self.backbone = ClipVision(network.clip.vision_model, [layer + 1 for layer in network.config.extract_layers])
        if config.image_size % self.backbone.stride:
            raise UserError(
                f"image_size {config.image_size} cannot be used by this CLIPSeg: give a multiple of "
                f"{self.backbone.stride}, the size of its patches"
            )
        self.text, self.projection = network.clip.text_model, network.clip.text_projection
        self.reduces, self.layers = decoder.reduces, decoder.layers
        self.film_mul, self.film_add = decoder.film_mul, decoder.film_add
        self.conditional_layer = decoder.conditional_layer
        self.detail = DetailEnhancement(self.backbone, row.detail, config.detail_size) if row.detail else None
        self.join = None
        if self.detail is not None:
            self.join = nn.Conv2d(self.detail.out_channels, network.config.reduce_dim, 1, bias=False)
            nn.init.zeros_(self.join.weight)
        score = decoder.transposed_convolution
        self.head = (
            SemanticMaskHead(score, self.backbone, config.semantic_input, config.semantic_start)
            if row.semantic
            else MaskHead(score)
        )
        self.semantic_upsample = CentredBilinear(self.backbone.stride)
        self.upsample = nn.Identity()
        self.text.requires_grad_(False)
        self.projection.requires_grad_(False)

    @property
    def maps_read(self) -> tuple[str, ...]:
        """See `Generator`."""
        layers = (self.backbone.output, *(self.detail.reduce if self.detail is not None else ()))
        blocks = [name for layer in layers for name in self.backbone.maps_of(layer)]
        tokens = [f"{kind}{number}" for number in self.backbone.read for kind in ("block", "class")]
        return tuple(dict.fromkeys([*blocks, *tokens]))

    def encode(self, images: Tensor | Features) -> ImageFeatures:
        """See `Generator`; `fusion` is the decoder's input of each layer, (I, 1 + h w, C)."""
        maps = self.backbone(images) if isinstance(images, Tensor) else images
        inputs = []
        for number, reduce in zip(reversed(self.backbone.read), self.reduces, strict=True):
            tokens = torch.cat([maps[f"{kind}{number}"].flatten(2) for kind in ("class", "block")], dim=2)
            inputs.append(reduce(tokens.transpose(1, 2)))
        if self.detail is not None and self.join is not None:
            details = self.join(self.detail(maps)).flatten(2).transpose(1, 2)
            inputs[0] = inputs[0] + F.pad(details, (0, 0, 1, 0))  # nothing joins the class token
        semantic = self.head.image_part(maps)
        return ImageFeatures(tuple(inputs), None if semantic is None else self.semantic_upsample(semantic))

    def decode(self, features: ImageFeatures, tokens: Tensor, lengths: Tensor) -> Tensor:
        """See `Generator`; `tokens` are CLIP's, with its marks of begin and end."""
        states = self.text(input_ids=tokens).last_hidden_state
        phrases = self.projection(states[torch.arange(len(tokens), device=tokens.device), lengths - 1])[:, None]
        state: Tensor | None = None
        for number, (given, layer) in enumerate(zip(features.fusion, self.layers, strict=True)):
            state = given if state is None else state + given
            if number == self.conditional_layer:
                state = self.film_mul(phrases) * state + self.film_add(phrases)
            state = layer(state, attention_mask=None)
        assert state is not None
        phrase_count, cells, channels = state[:, 1:].shape
        side = int(cells**0.5)
        patches = state[:, 1:].transpose(1, 2).reshape(phrase_count, channels, side, side)
        logits: Tensor = self.head(patches, features.semantic)
        return logits


def build(config: ModelConfig) -> ClipSeg:
    """The network of `config.settings`, those of a `CLIPSegConfig`, with random weights.

    Raises:
        UserError: there are no settings, as without `--start-from`, or the image does not divide into patches.
        CheckpointError: the settings are not CLIPSeg's.
        MissingExtraError: transformers is not installed.
    """
    if config.settings is None:
        raise UserError(f"{ROW} begins with a trained CLIPSeg: add --start-from {PUBLISHED}, or another one's folder")
    return ClipSeg(_network(config.settings), config)


class Pretrained(NamedTuple):
    """What a folder of transformers holds."""

    network: Any
    """With its weights."""
    settings: dict[str, Any]
    image_size: int
    tokeniser: str
    """As JSON, cut to the words that the text encoder takes."""


def is_pretrained(path: Path) -> bool:
    """Whether a path is a folder in which transformers keeps a CLIPSeg."""
    try:
        described = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(described, dict) and described.get("model_type") == "clipseg"


def read_pretrained(folder: Path) -> Pretrained:
    """Read a folder, of which nothing is executed.

    Raises:
        CheckpointError: a file is missing or damaged, or the weights do not fit.
        MissingExtraError: transformers is not installed.
    """
    transformers = require_transformers()
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network = _network(settings)
    tensors = read_weights(folder / "model.safetensors")
    named = {name: tensor for name, tensor in tensors.items() if not name.endswith("position_ids")}
    load_exactly(network, named, str(folder))
    try:
        tokeniser = transformers.CLIPTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
        prepared = folder / "preprocessor_config.json"
        size = json.loads(prepared.read_text(encoding="utf-8"))["size"] if prepared.is_file() else None
    except Exception as error:  # the library's are of many kinds
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise CheckpointError(f"{folder} holds no tokeniser or image size of CLIPSeg ({reason})") from error
    text = network.config.text_config
    if tokeniser.get_vocab_size() != text.vocab_size:  # without its files transformers makes an empty one
        raise CheckpointError(
            f"the tokeniser in {folder} has {tokeniser.get_vocab_size()} entries, its network {text.vocab_size}: give "
            "the folder its own tokenizer.json, or vocab.json and merges.txt"
        )
    tokeniser.enable_truncation(text.max_position_embeddings)
    size = size["height"] if isinstance(size, dict) else size
    kept = {name: value for name, value in network.config.to_diff_dict().items() if name not in _NOISE}
    return Pretrained(network, kept, size or network.config.vision_config.image_size, tokeniser.to_str())


def require_transformers() -> Any:
    """The package. Raises MissingExtraError where it is not installed."""
    try:
        return import_module("transformers")
    except ImportError as error:
        raise MissingExtraError("transformers", "clipseg") from error


def _network(settings: dict[str, Any]) -> Any:
    transformers = require_transformers()
    try:
        return transformers.CLIPSegForImageSegmentation(transformers.CLIPSegConfig.from_dict(settings))
    except Exception as error:  # the library checks them by means of its own
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise CheckpointError(f"the settings of this CLIPSeg cannot be used ({reason})") from error
