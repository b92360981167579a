"""The 8 spatial coordinates joined to the image features (Sec. III-B)."""

import torch
from torch import Tensor

CHANNELS = 8


def spatial_coordinates(feature: Tensor) -> Tensor:
    """(1, 8, h, w) of a map (B, C, h, w): [xmin, ymin, xmax, ymax, xcentre, ycentre, 1/w, 1/h] of each cell.

    Positions run from -1 to 1 (protocol section 3). Device and dtype are those of the map.
    """
    height, width = feature.shape[-2:]
    x = torch.arange(width, device=feature.device, dtype=torch.float32).expand(height, width)
    y = torch.arange(height, device=feature.device, dtype=torch.float32).unsqueeze(1).expand(height, width)
    xmin, xmax = 2 * x / width - 1, 2 * (x + 1) / width - 1
    ymin, ymax = 2 * y / height - 1, 2 * (y + 1) / height - 1
    inverse_width, inverse_height = torch.full_like(x, 1 / width), torch.full_like(x, 1 / height)
    channels = [xmin, ymin, xmax, ymax, (xmin + xmax) / 2, (ymin + ymax) / 2, inverse_width, inverse_height]
    return torch.stack(channels).unsqueeze(0).to(feature.dtype)
