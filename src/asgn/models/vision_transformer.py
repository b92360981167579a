"""A vision transformer by timm: the backbone `V`, DINOv2's small one (arXiv:2304.07193) or any other by name."""

import difflib
import importlib
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from asgn.errors import CheckpointError, MissingExtraError, UserError
from asgn.models.backbone import Backbone, Features, Normalise

_QUARTERS = ("conv2", "conv3", "conv4", "conv5")
_HEADS = ("head.", "head_dist.", "fc_norm.", "attn_pool.")
"""Beginnings of the names of what stands behind the blocks."""


class VisionTransformer(Backbone):
    """A transformer's patch tokens as maps: conv2 ... conv5 end its four quarters, conv1 is its first block.

    Each map is normalised as the network's last one is. A cell is a patch, whose size in pixels is the stride of all
    maps, so that cells lie `between_pixels`. Position embeddings are those of `image_size`; for images of another size
    timm interpolates them.
    """

    between_pixels = True

    def __init__(self, name: str, image_size: int) -> None:
        """Build it with random weights.

        Raises:
            UserError: timm has no such vision transformer, or the image does not divide into its patches.
            MissingExtraError: the extra `timm` is not installed.
        """
        super().__init__()
        self.name, self.image_size = name, image_size
        self.network = _create(name, image_size)
        infos = self.network.feature_info
        stride = infos[0]["reduction"]
        if image_size % stride:
            step = math.lcm(stride, 16)
            raise UserError(
                f"image_size {image_size} does not divide into the patches of {name}, {stride} x {stride} pixels: give "
                f"a multiple of {step}, such as {step * max(1, round(image_size / step))}"
            )
        ends = (math.ceil(len(infos) * quarter / 4) - 1 for quarter in range(1, 5))
        self.blocks = {"conv1": 0, **dict(zip(_QUARTERS, ends, strict=True))}
        self.channels = {layer: infos[block]["num_chs"] for layer, block in self.blocks.items()}
        self.strides = dict.fromkeys(self.blocks, stride)
        pixels = require_timm().data.resolve_model_data_config(self.network)
        self.normalise = Normalise(255.0, pixels["mean"], pixels["std"])
        self.train()

    def forward(self, images: Tensor) -> Features:
        """Raw RGB images to the tokens behind five blocks."""
        wanted = sorted(set(self.blocks.values()))
        maps = self.network.forward_intermediates(
            self.normalise(images), indices=wanted, norm=True, intermediates_only=True
        )
        of_block = dict(zip(wanted, maps, strict=True))
        return {layer: of_block[block] for layer, block in self.blocks.items()}

    def published_weights(self) -> dict[str, Tensor]:
        """The state of `network` with the weights that timm knows under its name, downloaded once.

        Raises:
            CheckpointError: there are none, or they could not be had.
        """
        with _one_line(f"cannot download the weights of {self.name}", "check the network, or give --weights FILE"):
            state: dict[str, Tensor] = _create(self.name, self.image_size, pretrained=True).state_dict()
        return state

    def converted(self, tensors: Mapping[str, Tensor], origin: str) -> dict[str, Tensor]:
        """A state dict of timm or of the network's authors as one of `network`, heads left out.

        timm's own filter gives tensors its names and brings position embeddings to this size. Raises CheckpointError,
        which names `origin`.
        """
        timms = importlib.import_module(type(self.network).__module__)
        with _one_line(f"{origin} does not fit {self.name}", "give another with --weights FILE"):
            named: dict[str, Tensor] = timms.checkpoint_filter_fn(dict(tensors), self.network)
        return {name: tensor for name, tensor in named.items() if not name.startswith(_HEADS)}


def require_timm() -> Any:
    """The package timm. Raises MissingExtraError where it is not installed."""
    try:
        import timm
    except ImportError as error:
        raise MissingExtraError("timm", "timm") from error
    return timm


def _create(name: str, image_size: int, pretrained: bool = False) -> Any:
    """The network up to its last norm."""
    timm = require_timm()
    _check_name(name)
    try:
        network = timm.create_model(
            name, pretrained=pretrained, num_classes=0, img_size=image_size, dynamic_img_size=True
        )
    except TypeError as error:
        raise UserError(_unfit(name)) from error
    infos = getattr(network, "feature_info", [])
    if not hasattr(network, "forward_intermediates") or len({info["reduction"] for info in infos}) != 1:
        raise UserError(_unfit(name))
    network.prune_intermediate_layers(len(infos), prune_norm=False, prune_head=True)
    return network


def _check_name(name: str) -> None:
    timm = require_timm()
    try:
        is_known = timm.is_model(name) and timm.models.get_pretrained_cfg(name) is not None
    except RuntimeError:  # a model that is known without the tag behind its dot
        is_known = False
    if not is_known:
        close = difflib.get_close_matches(name, timm.list_models("*vit*", pretrained=True), n=1)
        raise UserError(f"vit_name {name!r} is no model of timm{f': did you mean {close[0]!r}?' if close else ''}")


def _unfit(name: str) -> str:
    return (
        f"vit_name {name!r} is no vision transformer with one grid of patches for any image size: give another of "
        "timm's, such as vit_small_patch14_dinov2.lvd142m"
    )


@contextmanager
def _one_line(doing: str, mend: str) -> Iterator[None]:
    """timm's errors, and those of the libraries that download for it, are of many kinds, so all are taken."""
    hub = logging.getLogger("huggingface_hub")
    level = hub.level
    hub.setLevel(logging.ERROR)  # it warns of each of its tries
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise CheckpointError(f"{doing} ({reason}): {mend}") from error
    finally:
        hub.setLevel(level)
