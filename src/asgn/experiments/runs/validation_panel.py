"""The same few validation pictures over time: the raw material of Figures 6 and 7."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Pillow

from asgn.checkpoint import Model
from asgn.data.transforms import resize_and_pad_mask
from asgn.data.types import Expression, Image, ReferringDataset
from asgn.experiments.report import heat, overlay, write_picture
from asgn.files import atomic_write_json
from asgn.inference.segmenter import Segmenter

PICTURES, SIDE = 8, 160


class ValidationPanel:
    """Eight expressions spread evenly over a split, drawn after each validation to `panel/step-000120.png`.

    Each has a column: image, truth and probability, each 160 pixels wide. `panel/phrases.json` names them.
    """

    def __init__(self, data: ReferringDataset, folder: Path) -> None:
        self.data = data
        self.folder = folder / "panel"
        self.expressions = evenly_spread(data.expressions, PICTURES)

    def draw(self, model: Model, device: torch.device, step: int) -> Image:
        """Write and give the picture of the model's present state.

        Raises:
            OutputError: it cannot be written.
            DataError: an image or mask cannot be read.
        """
        segmenter = Segmenter(model, device)
        picture = np.concatenate([self._column(segmenter, expression) for expression in self.expressions], axis=1)
        names = self.folder / "phrases.json"
        if not names.exists():
            atomic_write_json(names, [{"image": item.image_id, "phrase": item.text} for item in self.expressions])
        write_picture(self.folder / f"step-{step:06d}.png", picture)
        return picture

    def _column(self, segmenter: Segmenter, expression: Expression) -> Image:
        """(3 * SIDE, SIDE, 3): image, truth, probability, each the network's square."""
        encoded = segmenter.encode(self.data.image(expression.image_id))
        logits = segmenter.pixel_logits(encoded, [segmenter.vocabulary.encode(expression.text)])[0]
        image = encoded.square.permute(1, 2, 0).numpy()
        truth = resize_and_pad_mask(torch.from_numpy(self.data.mask(expression)), image.shape[0]).numpy()
        parts = [image, overlay(image, truth), heat(torch.sigmoid(logits).numpy())]
        size = (SIDE, SIDE)
        return np.concatenate([np.asarray(Pillow.fromarray(part).resize(size)) for part in parts], axis=0)


def evenly_spread(expressions: Sequence[Expression], count: int) -> list[Expression]:
    """At most `count` expressions at equal distances, each of another image where the split has enough."""
    first_of_image: dict[int, Expression] = {}
    for expression in expressions:
        first_of_image.setdefault(expression.image_id, expression)
    chosen = list(first_of_image.values()) if len(first_of_image) >= count else list(expressions)
    count = min(count, len(chosen))
    return [chosen[index * len(chosen) // count] for index in range(count)]
