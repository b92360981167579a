"""A sheet's run in a process that its parent may kill at any moment, and the sheets to run."""

import csv
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from PIL import Image

from asgn.checkpoint import load_model
from asgn.inference.results.records import OutputFormat
from asgn.inference.segmenter import Segmenter
from asgn.inference.sheets.reader import read_sheet
from asgn.inference.sheets.run import segment_sheet

WORDS = ("left", "right", "top", "big", "small", "red", "blue", "green")
THINGS = ("circle", "star", "square", "triangle")


class Sure(Segmenter):
    """Finds something for nearly every phrase, as a random model's presence would not."""

    presence_threshold = 0.0


def write_sheet(folder: Path, rows: int, images: int) -> Path:
    """A sheet over noise pictures of two shapes, every row different, the rows of an image far apart."""
    random = np.random.default_rng(0)
    for image in range(images):
        shape = (40, 60, 3) if image % 2 else (50, 36, 3)
        Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(folder / f"photo{image}.png")
    with (folder / "phrases.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("image", "phrase", "id"))
        for row in range(rows):
            words = [WORDS[(row // images) // 8**place % 8] for place in range(3)]
            table.writerow((f"photo{row % images}.png", " ".join([*words, THINGS[row % 4]]), 1000 + row))
    return folder / "phrases.csv"


def run(model: Path, sheet: Path, out: Path, output_format: OutputFormat, parent: Connection) -> None:
    """Answer the sheet, or go on with it; behind each group the parent is told of it and has to allow the next."""
    torch.set_num_threads(1)
    segmenter = Sure(load_model(model))
    processes = PartialState(cpu=True)

    def tell_and_wait(done: int, _: int) -> None:
        parent.send(done)
        parent.recv()

    segment_sheet(segmenter, read_sheet(sheet), out, output_format, processes, tell_and_wait)


def run_untold(model: Path, sheet: Path, out: Path) -> None:
    """Answer the sheet as COCO results, as one of the processes that the environment speaks of."""
    segment_sheet(Sure(load_model(model)), read_sheet(sheet), out, "coco", PartialState(cpu=True))
