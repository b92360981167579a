"""The picture of the README: photographs of scikit-image, and what the model in the box finds for some phrases.

    python -m benchmarks.readme_picture docs/images/segment.jpg

Whatever comes out is drawn or printed, misses too.
"""

import sys
from pathlib import Path

from PIL import Image
from skimage import data  # with its photographs; not among the project's extras

from asgn.errors import PhraseError
from asgn.inference.load import load

HEIGHT, GAP, WIDTH = 400, 10, 1120
SHOWN = (
    ("chelsea", "the cat"), ("astronaut", "the woman"), ("coffee", "the table"), ("coffee", "the cup"),
    ("astronaut", "the rocket behind her"), ("chelsea", "the dog"),
)  # fmt: skip
DRAWN = 4


def main(target: Path) -> None:
    segmenter = load()
    panels = []
    for name, phrase in SHOWN:
        photograph = getattr(data, name)()
        try:
            result = segmenter(photograph, phrase)
        except PhraseError as error:
            print(f"{name}: {error}")
            continue
        print(f"{name}: {phrase!r} presence {result.presence:.2f}, mask {result.mask.mean():.1%}")
        panel = result.overlay()
        panels.append(panel.resize((round(panel.width * HEIGHT / panel.height), HEIGHT)))
    row_of(panels[:DRAWN]).save(target, quality=88)


def row_of(panels: list[Image.Image]) -> Image.Image:
    """Panels beside one another."""
    row = Image.new("RGB", (sum(panel.width for panel in panels) + GAP * (len(panels) - 1), HEIGHT), "white")
    left = 0
    for panel in panels:
        row.paste(panel, (left, 0))
        left += panel.width + GAP
    return row.resize((WIDTH, round(HEIGHT * WIDTH / row.width)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
