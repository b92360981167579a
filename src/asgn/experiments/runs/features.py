"""Features of a frozen backbone, computed once for all runs over the same images and weights."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from accelerate import Accelerator
from rich.console import Console
from torch import Tensor

from asgn.checkpoint import Model
from asgn.config import TrainConfig
from asgn.data.by_image import image_ids
from asgn.data.loading.feature_cache import FeatureCache, features_size
from asgn.data.transforms import resize_and_pad_image
from asgn.data.types import ReferringDataset
from asgn.errors import UserError
from asgn.models.backbone import Backbone
from asgn.progress import progress_bar


def cached_features(
    model: Model, data: ReferringDataset, config: TrainConfig, folder: Path, accelerator: Accelerator, quiet: bool
) -> FeatureCache:
    """The cache of a split's images below `folder`, completed by the main process while the others wait.

    It holds the maps that the model reads, of each image and, with `flip`, of its mirror image. Its name changes with
    the data, the weights and the size, so that a cache is never read for another run's features.

    Raises:
        UserError: the backbone does not stay as it is, or images are varied by more than mirroring.
        DataError: an image cannot be read, or a cache is damaged.
        OutputError: the disk has no room, or the folder cannot be written to.
    """
    network, size = model.generator, model.config.image_size
    backbone = network.backbone
    if backbone is None or not network.maps_read:
        raise UserError(f"features can be cached only of a frozen backbone: {model.config.variant} takes images only")
    if config.finetune or config.augment or model.config.variant.startswith("SNLE"):
        raise UserError("features can be cached only of a frozen backbone: leave out --finetune, --augment and SNLE")
    ids = sorted(image_ids(data.expressions))
    place = folder / _key(model, backbone, data, config.flip)
    device = accelerator.device

    @torch.no_grad()
    def compute(images: Tensor) -> Mapping[str, Tensor]:
        maps = backbone(images.to(device).contiguous(memory_format=torch.channels_last))
        return {name: maps[name] for name in network.maps_read}

    def image(image_id: int) -> Tensor:
        return resize_and_pad_image(torch.from_numpy(data.image(image_id)).permute(2, 0, 1), size)

    hidden = quiet or not accelerator.is_main_process
    with accelerator.main_process_first(), progress_bar(f"features of {data.name}/{data.split}", hidden) as show:
        sample = compute(torch.zeros(1, 3, size, size))
        shapes = {name: (value.shape[1], value.shape[2], value.shape[3]) for name, value in sample.items()}
        rows = len(ids) * (1 + config.flip)
        if not hidden and not place.exists():
            size_of = features_size(rows, shapes) / 1e9
            Console(stderr=True).print(f"features of {rows} images: {size_of:.2f} GB in {place}")
        cache = FeatureCache(place, ids, shapes, mirrored=config.flip)
        cache.fill(compute, image, show)
    return cache


def _key(model: Model, backbone: Backbone, data: ReferringDataset, mirrored: bool) -> str:
    """All that the features depend on; equal weights compute other maps by another dilation, conventions or name."""
    config = model.config
    size, reading = config.image_size, (config.dilation, config.conventions, model.generator.maps_read)
    vit_name = config.vit_name if config.variant.startswith("V+") else ""
    digest = hashlib.sha256(f"{data.fingerprint()} {size} {mirrored} {reading}{vit_name}".encode())
    for name, tensor in sorted(backbone.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return f"{data.name}-{data.split}-{size}-{digest.hexdigest()[:16]}".replace("/", "_")
