"""1x1 convolutions as the base code starts them."""

import math
from typing import TypeVar

from torch import Tensor, nn

Convolution = TypeVar("Convolution", bound=nn.Conv2d)


def pointwise(in_channels: int, out_channels: int, *, bias: bool = True, joined: int = 0) -> nn.Conv2d:
    """A 1x1 convolution with Glorot-uniform weights and no initial bias.

    It may be one part of a larger matrix that is computed in parts: `joined` counts the input channels of the others,
    so that all parts start as the whole would.
    """
    return start_glorot(nn.Conv2d(in_channels, out_channels, 1, bias=bias), joined)


def start_glorot(layer: Convolution, joined: int = 0) -> Convolution:
    """Give a 1x1 convolution its first weights, as `pointwise` does."""
    glorot_part_(layer.weight, layer.in_channels + joined)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def glorot_part_(weight: Tensor, in_channels: int) -> None:
    """Fill some columns, (out, part of in, ...), of a matrix with `in_channels` inputs by Glorot's uniform rule."""
    bound = math.sqrt(6 / (in_channels + len(weight)))
    nn.init.uniform_(weight, -bound, bound)
