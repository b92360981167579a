"""A data set held in memory, small enough to score by hand."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from asgn.data.types import Expression


@dataclass
class MemoryDataset:
    """Two images: 1 (6 x 8) with two objects and three phrases, 2 (4 x 4) with one object and one phrase."""

    name: str = "memory"
    split: str = "val"
    expressions: list[Expression] = field(
        default_factory=lambda: [
            Expression(10, 100, 1, (1000,), "left dog"),
            Expression(20, 200, 2, (2000,), "the cat"),
            Expression(11, 100, 1, (1000,), "brown dog"),
            Expression(12, 101, 1, (1001,), "right dog"),
        ]
    )
    images_read: list[int] = field(default_factory=list)

    def image(self, image_id: int) -> np.ndarray:
        self.images_read.append(image_id)
        return np.full((6, 8, 3) if image_id == 1 else (4, 4, 3), image_id, dtype=np.uint8)

    def mask(self, expression: Expression) -> np.ndarray:
        mask = np.zeros((6, 8) if expression.image_id == 1 else (4, 4), dtype=bool)
        area = {100: np.s_[:, :4], 101: np.s_[:, 4:], 200: np.s_[:2]}[expression.ref_id]
        mask[area] = True
        return mask

    def fingerprint(self) -> str:
        return "f00d"


@pytest.fixture
def dataset() -> MemoryDataset:
    return MemoryDataset()
