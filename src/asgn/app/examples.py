"""Pictures to click: scenes drawn by this program, and scikit-image's photographs where it is installed.

Only phrases whose words the model knows are offered.
"""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from PIL import Image as Pillow

from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.data.vocabulary import Vocabulary

_SCENES, _SIDE, _DRAWN = 12, 480, 3
_PHRASES = 3
_PHOTOGRAPHS: dict[str, tuple[str, ...]] = {
    "chelsea.png": ("the cat",),
    "astronaut.png": ("the woman", "the flag"),
    "coffee.png": ("the table",),
}
"""Of scikit-image: chelsea and coffee are in the public domain by CC0, astronaut by NASA."""

Example = tuple[Path, str]
"""A picture file, and phrases one a line."""


def make_examples(folder: Path, vocabulary: Vocabulary) -> list[Example]:
    """Examples for a model of this vocabulary; drawn pictures are written into `folder`."""
    return [*_photographs(vocabulary), *_drawn(folder, vocabulary)]


def _photographs(vocabulary: Vocabulary) -> Iterator[Example]:
    package = find_spec("skimage")
    if package is None or package.origin is None:
        return
    for name, phrases in _PHOTOGRAPHS.items():
        path = Path(package.origin).parent / "data" / name
        known = _known(phrases, vocabulary)
        if known and path.is_file():
            yield path, "\n".join(known)


def _drawn(folder: Path, vocabulary: Vocabulary) -> Iterator[Example]:
    scenes = SyntheticDataset("test", scenes=_SCENES, size=_SIDE)
    drawn = 0
    for image_id in scenes.image_ids():
        texts = sorted({item.text for item in scenes.expressions_of(image_id)}, key=len)
        known = _known(texts, vocabulary)
        if len(known) < 2 or drawn == _DRAWN:
            continue
        path = folder / f"drawn-{drawn + 1}.png"
        Pillow.fromarray(scenes.image(image_id)).save(path)
        drawn += 1
        yield path, "\n".join(known[:_PHRASES])


def _known(phrases: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    return [phrase for phrase in phrases if not vocabulary.encode(phrase).unknown]
