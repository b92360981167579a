"""Image and mask to the network's square, and back to the image's own size (protocol section 1 and 5).

Every function takes and gives (..., H, W) tensors. The square's side is S; the content is centred in it.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Placement(NamedTuple):
    """Where the resized image lies in the square, in pixels."""

    top: int
    left: int
    height: int
    width: int


def placement_in_square(height: int, width: int, side: int) -> Placement:
    """The largest centred rectangle of the image's aspect; its sides are at least 1."""
    scale = min(side / height, side / width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    return Placement((side - new_height) // 2, (side - new_width) // 2, new_height, new_width)


def resize_and_pad_image(image: Tensor, side: int) -> Tensor:
    """(3, H, W) uint8 to (3, side, side) uint8: bilinear without antialiasing, zeros around."""
    if image.shape[-2:] == (side, side):
        return image.contiguous()  # as packed images are: resizing to their own size changes nothing
    place = placement_in_square(image.shape[-2], image.shape[-1], side)
    resized = bilinear(image.float(), place.height, place.width)
    return _pad(resized.to(torch.uint8), place, side)


def resize_and_pad_mask(mask: Tensor, side: int) -> Tensor:
    """(H, W) bool to (side, side) bool; a pixel touched by the mask belongs to it, as in the base code."""
    if mask.shape[-2:] == (side, side):
        return mask
    place = placement_in_square(mask.shape[-2], mask.shape[-1], side)
    return _pad(bilinear(mask.float(), place.height, place.width) > 0, place, side)


def resize_and_crop(square: Tensor, height: int, width: int) -> Tensor:
    """(..., S, S) float back to (..., height, width): enlarge to cover, then take the centre (base code)."""
    side = square.shape[-1]
    scale = max(height / side, width / side)
    covered = round(side * scale)
    resized = bilinear(square, covered, covered)
    top, left = (covered - height) // 2, (covered - width) // 2
    return resized[..., top : top + height, left : left + width]


def crop_and_resize(square: Tensor, height: int, width: int) -> Tensor:
    """(..., S, S) float logits to (..., height, width): only the image's part of the square is read."""
    place = placement_in_square(height, width, square.shape[-1])
    inner = square[..., place.top : place.top + place.height, place.left : place.left + place.width]
    return _interpolate(inner, height, width)


def bilinear(values: Tensor, height: int, width: int) -> Tensor:
    """Resize (..., H, W) floats as scikit-image 0.13 does (order 1, zeros outside, no antialiasing).

    Where a sample lies outside the outermost pixel centres, which only enlarging does, it fades towards zero.
    """
    fade_rows = _inside_weight(values.shape[-2], height, values)
    fade_columns = _inside_weight(values.shape[-1], width, values)
    return _interpolate(values, height, width) * fade_rows.unsqueeze(1) * fade_columns


def _interpolate(values: Tensor, height: int, width: int) -> Tensor:
    leading = values.shape[:-2]
    flat = values.reshape(1, -1, *values.shape[-2:])
    resized = F.interpolate(flat, size=(height, width), mode="bilinear", align_corners=False)
    return resized.reshape(*leading, height, width)


def _inside_weight(old: int, new: int, like: Tensor) -> Tensor:
    """(new,) share of each sample that falls on pixels of the image rather than on the zeros around it."""
    position = (torch.arange(new, device=like.device, dtype=like.dtype) + 0.5) * (old / new) - 0.5
    outside = torch.clamp(-position, min=0) + torch.clamp(position - (old - 1), min=0)
    return 1 - outside.clamp(max=1)


def _pad(content: Tensor, place: Placement, side: int) -> Tensor:
    right, bottom = side - place.left - place.width, side - place.top - place.height
    return F.pad(content, (place.left, right, place.top, bottom))
