"""Going through a split image by image, and drawing examples from it."""

import random
from collections.abc import Iterator

import torch

from asgn.data.types import Expression, Mask, ReferringDataset
from asgn.errors import DataError
from asgn.experiments.reproduce.setting import Setting
from asgn.inference.device import choose_device

EXAMPLE_SEED = 0


def device_of(setting: Setting) -> torch.device:
    """Where a reproduction computes."""
    return choose_device("cpu" if setting.cpu else "auto")


def draw_examples(data: ReferringDataset, count: int) -> list[tuple[Expression, Mask]]:
    """Expressions drawn at random, each of another image, with their true masks; absent objects are left out.

    Raises:
        DataError: the split has no expression with a mask, or a mask cannot be read.
    """
    found = list(_drawn(data, count))
    if not found:
        raise DataError(f"split {data.split!r} of {data.name!r} has no expression to show")
    return found


def _drawn(data: ReferringDataset, count: int) -> Iterator[tuple[Expression, Mask]]:
    images: set[int] = set()
    for index in random.Random(EXAMPLE_SEED).sample(range(len(data.expressions)), len(data.expressions)):
        expression = data.expressions[index]
        if expression.image_id in images:
            continue
        mask = data.mask(expression)
        if mask.any():
            images.add(expression.image_id)
            yield expression, mask
        if len(images) == count:
            return
