"""Training data packed on first use, by one process for all of a run."""

import sys
from pathlib import Path

from accelerate import Accelerator

from asgn.data.loading.pack import PackedDataset, open_packed
from asgn.data.types import ReferringDataset
from asgn.progress import progress_bar


def packed_split(
    data: ReferringDataset, folder: Path, side: int, accelerator: Accelerator, quiet: bool
) -> PackedDataset:
    """The split as squares of `side` pixels from its packed form in `folder`.

    Where that is missing or its source has changed, the main process makes it while the others wait.

    Raises:
        DataError: an image or mask of the source cannot be read.
        OutputError: the disk has no room, or the folder cannot be written to.
    """
    hidden = quiet or not accelerator.is_main_process
    what = f"packing {data.name}/{data.split}"

    def say(text: str) -> None:
        if not hidden:
            print(text, file=sys.stderr)

    with accelerator.main_process_first(), progress_bar(what, hidden) as show:
        return open_packed(data, folder, side, progress=show, say=say)
