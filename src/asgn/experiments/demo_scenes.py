"""Drawn scenes that a model learns within minutes: what is said of one large shape or region of each."""

from collections.abc import Sequence

from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.data.types import Expression, Image, Mask

KINDS = frozenset(("category", "colour", "position", "stuff"))
"""What is said without comparing many: neither order, size nor relations."""
MIN_AREA = 0.04
"""Share of the scene: of a smaller shape too few cells of the network's grid are left."""


class PlainScenes:
    """The phrases of `KINDS` about things of `MIN_AREA` and more in drawn scenes, as a `ReferringDataset`."""

    def __init__(self, split: str, scenes: int, size: int) -> None:
        self.source = SyntheticDataset(split, scenes=scenes, size=size, absent=False)
        self.name, self.split = self.source.name, split
        self.expressions: Sequence[Expression] = [
            expression
            for image_id in self.source.image_ids()
            for kind, expression in zip(
                self.source.kinds_of(image_id), self.source.expressions_of(image_id), strict=True
            )
            if kind in KINDS and self.source.mask(expression).mean() >= MIN_AREA
        ]
        self._images: dict[int, Image] = {}

    def image(self, image_id: int) -> Image:
        """The scene's picture, drawn once."""
        if image_id not in self._images:
            self._images[image_id] = self.source.image(image_id)
        return self._images[image_id]

    def mask(self, expression: Expression) -> Mask:
        """The visible pixels of the expression's object."""
        return self.source.mask(expression)

    def fingerprint(self) -> str:
        """That of the scenes and the choice of phrases."""
        return f"{self.source.fingerprint()} {sorted(KINDS)} {MIN_AREA}"
