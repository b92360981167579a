"""What the readers have in common: images below a folder, the last few of them held, and a fingerprint of the files."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from asgn.data.files.images import load_sized_image
from asgn.data.files.json_file import read_bytes
from asgn.data.files.recent import RecentItems
from asgn.data.types import Expression, Image
from asgn.errors import DataError
from asgn.files import as_spelled

_IMAGES_HELD = 8


class ImageFolder(ABC):
    """One split of a data set whose images are files; a reader adds its masks to make a `ReferringDataset` of it."""

    name: str
    split: str
    expressions: Sequence[Expression]

    def __init__(self, split: str, images: Path, lists: Sequence[Path], sizes: str) -> None:
        """Hold what does not depend on the format.

        Args:
            split: the split's name.
            images: the image folder.
            lists: the files that say what is in the split.
            sizes: what errors call the file that gives the images' sizes.
        """
        self.split = split
        self._images_root = images
        self._lists = tuple(lists)
        self._sizes = sizes
        self._recent: RecentItems[int, Image] = RecentItems(_IMAGES_HELD)

    @abstractmethod
    def file_name(self, image_id: int) -> str:
        """The image's path below the image folder. Raises DataError where no image has this id."""

    @abstractmethod
    def size(self, image_id: int) -> tuple[int, int] | None:
        """(height, width) that the annotations give; None where they do not."""

    def image_path(self, image_id: int) -> Path:
        """Where the image is expected.

        Raises:
            DataError: no image has this id, or a folder cannot be read.
        """
        path = self._images_root / self.file_name(image_id)
        try:
            return as_spelled(path)
        except OSError as error:
            raise DataError(f"cannot look for {path}: {error.strerror}") from error

    def image(self, image_id: int) -> Image:
        """(H, W, 3) uint8 RGB.

        Raises:
            DataError: the file is missing or damaged, or not of the size that the annotations were made for.
        """
        held = self._recent.get(image_id)
        if held is None:
            held = load_sized_image(self.image_path(image_id), self.size(image_id), self._sizes)
            self._recent.put(image_id, held, 1)
        return held.copy()

    def fingerprint(self) -> str:
        """SHA-256 over the split's name and the files that say what is in it."""
        digest = hashlib.sha256(self.split.encode())
        for path in self._lists:
            digest.update(hashlib.sha256(read_bytes(path)).digest())
        return digest.hexdigest()
