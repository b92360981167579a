"""Features of a frozen backbone, computed once per image and mirrored image, in memory-mapped files.

A cache is a folder of one array a map, (rows, h, w, C) in half precision, and `done.npy`, which says what rows hold.
Rows are written before they are called done, so that a killed process leaves a cache that the next one completes.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor

from asgn.errors import DataError
from asgn.files import check_room, ensure_writable_folder
from asgn.progress import Progress, silent

Key = tuple[int, bool]
"""An image's id, and whether it is mirrored."""
Shape = tuple[int, int, int]
"""Of a map: C, h, w."""

_AT_ONCE = 4


class FeatureCache:
    """The maps of some images, (C, h, w) each, read by image.

    `shapes` names the maps. With `mirrored`, every image has a second row, of its mirror image.
    """

    def __init__(
        self, folder: Path, image_ids: Sequence[int], shapes: Mapping[str, Shape], *, mirrored: bool
    ) -> None:
        """Open the cache in `folder`, empty where there is none yet.

        Raises:
            OutputError: the disk has no room for it, or the folder cannot be written to.
        """
        self.folder = folder
        self.shapes = dict(shapes)
        self._row = {key: row for row, key in enumerate((id_, side) for id_ in image_ids for side in _sides(mirrored))}
        if not self._done_file.exists():
            check_room(folder, self.size)
            ensure_writable_folder(folder)
            for name, (channels, height, width) in self.shapes.items():
                open_memmap(self._file(name), "w+", np.float16, (len(self._row), height, width, channels)).flush()
            open_memmap(self._done_file, "w+", np.uint8, (len(self._row),)).flush()
        self._open()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return features_size(len(self._row), self.shapes)

    def fill(
        self,
        compute: Callable[[Tensor], Mapping[str, Tensor]],
        image: Callable[[int], Tensor],
        progress: Progress = silent,
    ) -> None:
        """Compute the rows that are not done yet.

        Args:
            compute: images (B, 3, S, S) to their maps by name.
            image: an image's (3, S, S) pixels by its id.
            progress: called with the rows done and their total.

        Raises:
            DataError: an image cannot be read, or its features do not fit half precision.
        """
        done = open_memmap(self._done_file, "r+")
        maps = {name: open_memmap(self._file(name), "r+") for name in self.shapes}
        missing = [key for key, row in self._row.items() if not done[row]]
        for first in range(0, len(missing), _AT_ONCE):
            keys = missing[first : first + _AT_ONCE]
            pixels = torch.stack([image(id_).flip(-1) if mirror else image(id_) for id_, mirror in keys])
            rows = [self._row[key] for key in keys]
            computed = compute(pixels)
            for name, array in maps.items():
                values = computed[name].detach().permute(0, 2, 3, 1).half().cpu()
                if not values.isfinite().all():
                    raise DataError(f"features {name} of image {keys[0][0]} or one after it do not fit half precision")
                array[rows] = values.numpy()
                array.flush()
            done[rows] = 1
            done.flush()
            progress(len(self._row) - len(missing) + first + len(keys), len(self._row))
        self._open()

    def read(self, keys: Sequence[Key]) -> dict[str, Tensor]:
        """The maps of I images by name, (I, C, h, w) in half precision.

        Raises:
            DataError: the cache lacks an image.
        """
        unknown = [key for key in keys if key not in self._row or not self._done[self._row[key]]]
        if unknown:
            raise DataError(f"{self.folder} has no features of image {unknown[0][0]}: remove the folder")
        rows = [self._row[key] for key in keys]
        return {name: torch.from_numpy(array[rows]).permute(0, 3, 1, 2) for name, array in self._maps.items()}

    @property
    def _done_file(self) -> Path:
        return self.folder / "done.npy"

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.npy"

    def _open(self) -> None:
        try:
            self._done = np.load(self._done_file)
            self._maps = {name: np.load(self._file(name), mmap_mode="r") for name in self.shapes}
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"the features in {self.folder} are damaged ({error}): remove the folder") from error
        for name, (channels, height, width) in self.shapes.items():
            if self._maps[name].shape != (len(self._row), height, width, channels):
                raise DataError(f"the features in {self.folder} are of other images: remove the folder")

    def __getstate__(self) -> dict[str, Any]:
        # a memory map would travel to worker processes as a copy of the whole file
        return {key: value for key, value in self.__dict__.items() if key not in ("_maps", "_done")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()


def features_size(rows: int, shapes: Mapping[str, Shape]) -> int:
    """Bytes of this many rows of maps (C, h, w) in half precision."""
    return rows * (1 + 2 * sum(channels * height * width for channels, height, width in shapes.values()))


def _sides(mirrored: bool) -> tuple[bool, ...]:
    return (False, True) if mirrored else (False,)
