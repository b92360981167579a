"""Masks whose polygons are added up rather than united, as the public REFER code has them.

Its `getMask` gives a pixel under two polygons of one object the value 2. Code that compares such a mask with 1 loses
that pixel from the truth. Ours are united (`decode_segmentation`); these are made to say how much that matters.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgn.data.files.masks import decode_segmentation


def sum_of_polygons(segmentation: Any, height: int, width: int, where: str) -> NDArray[np.uint8]:
    """(height, width): under how many polygons of one object each pixel lies; of a run-length code 0 and 1.

    Raises:
        DataError: as `decode_segmentation`.
    """
    if not isinstance(segmentation, list) or len(segmentation) < 2:
        return decode_segmentation(segmentation, height, width, where).astype(np.uint8)
    total = np.zeros((height, width), dtype=np.uint8)
    for polygon in segmentation:
        total += decode_segmentation([polygon], height, width, where)
    return total
