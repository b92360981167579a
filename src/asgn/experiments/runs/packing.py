"""Training data packed on first use, by one process for all of a run."""

from pathlib import Path

from accelerate import Accelerator
from rich.console import Console
from rich.progress import Progress

from asgn.data.loading.pack import PackedDataset, open_packed
from asgn.data.types import ReferringDataset


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
    with accelerator.main_process_first(), Progress(console=Console(stderr=True), disable=hidden) as bar:
        task = bar.add_task(f"packing {data.name}/{data.split}", total=None, visible=False)
        return open_packed(
            data,
            folder,
            side,
            progress=lambda done, total: bar.update(task, completed=done, total=total, visible=True),
            say=lambda text: None if hidden else bar.console.print(text),
        )
