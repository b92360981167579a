"""How far annotations can be trusted: which photographs hold more than is annotated, which outlines are in doubt."""

from collections import Counter, defaultdict
from collections.abc import Collection

import numpy as np
from scipy.signal import find_peaks
from scipy.spatial import ConvexHull

from asgn.data.files.coco_instances import Instances
from asgn.data.photographs.category_names import is_often_mistaken
from asgn.data.types import Mask

_FEW = 2.0
_MIN_SCORE = 0.9
_MIN_SCORE_OF_PERSON = 0.94
_SMALLEST, _LARGEST = 0.015, 0.6
_WIDEST_PERSON = 0.7
_MIN_FILLED = 0.65
_HEAD = 0.15


class Sources:
    """The collections that a file's images come from: each has its own categories and its own diligence."""

    def __init__(self, instances: Instances) -> None:
        images = Counter(image.origin.rpartition(":")[0] for image in instances.images.values())
        found: Counter[str] = Counter()
        machine: set[str] = set()
        self._categories: dict[str, set[int]] = defaultdict(set)
        self._together: dict[tuple[str, int], set[int]] = defaultdict(set)
        for image_id, annotation_ids in instances.annotation_ids.items():
            source = self._name(instances, image_id)
            annotations = [instances.annotations[key] for key in annotation_ids]
            categories = {annotation.category_id for annotation in annotations}
            found[source] += len(annotations)
            self._categories[source] |= categories
            for category in categories:
                self._together[source, category] |= categories
            if any(annotation.score is not None for annotation in annotations):
                machine.add(source)
        self._instances = instances
        self._machine = frozenset(machine)
        self._partial = self._machine | {source for source, count in images.items() if found[source] < _FEW * count}

    def is_partial(self, image_id: int) -> bool:
        """Whether its photographs show more than is annotated: a network's masks, or hardly two objects an image."""
        return self._name(self._instances, image_id) in self._partial

    def absent_categories(self, image_id: int, present: Collection[int]) -> set[int]:
        """Categories surely not in an image, whose own are `present`.

        Where all is annotated, these are the source's other ones; of a network's, only those never seen with any
        present; where only the foreground is annotated, none.
        """
        source = self._name(self._instances, image_id)
        missing = self._categories[source] - set(present)
        if source in self._partial - self._machine:
            return set()
        if source in self._machine:
            for category in present:
                missing -= self._together[source, category]
        return missing

    @staticmethod
    def _name(instances: Instances, image_id: int) -> str:
        return instances.images[image_id].origin.rpartition(":")[0]


def is_one_object(mask: Mask, name: str, score: float) -> bool:
    """Whether an outline that a network drew is surely of one object of the kind `name`.

    Such an outline runs over all neighbours of a kind. It is doubted where the network is unsure, where it is tiny
    or fills the picture, has several heads, or is wide (people stand side by side) or ragged (vehicles in a row).
    The bounds are such that of 40 outlines of a DeepLab of 21 classes, looked at, 37 or more held one object.
    """
    area = float(mask.mean())
    if (
        score < (_MIN_SCORE_OF_PERSON if name == "person" else _MIN_SCORE)
        or not _SMALLEST <= area <= _LARGEST
        or is_often_mistaken(name)
    ):
        return False
    if heads(mask) > 1:
        return False
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    height, width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    if name == "person":
        return width <= _WIDEST_PERSON * height
    return area * mask.size >= _MIN_FILLED * _hull_area(mask)


def heads(mask: Mask) -> int:
    """How often the upper rim of a mask, followed from left to right, rises clearly and falls again."""
    columns = mask[:, mask.any(axis=0)]
    height = int(np.ptp(np.nonzero(mask.any(axis=1))[0])) + 1
    rim = mask.shape[0] - columns.argmax(axis=0)  # height of the rim over the image's lower edge, a column each
    ground = int(rim.min()) - height
    peaks, _ = find_peaks(np.concatenate(([ground], rim, [ground])), prominence=_HEAD * height)
    return len(peaks)


def _hull_area(mask: Mask) -> float:
    """Pixels in the convex hull of a mask."""
    rows = np.nonzero(mask.any(axis=1))[0]
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    corners = [(x, y) for x, y in zip((*first, *last), (*rows, *rows), strict=True)]
    points = np.array(corners + [(x, y + 1) for x, y in corners])
    return float(ConvexHull(points).volume)
