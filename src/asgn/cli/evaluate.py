"""`asgn evaluate`."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from asgn.cli.gres_table import gres_table
from asgn.cli.options import Data, Device, ModelArgument, Root
from asgn.cli.tables import new_table, print_table
from asgn.data.datasets import open_dataset
from asgn.evaluation.evaluate import Evaluation
from asgn.evaluation.metrics import PRECISION_THRESHOLDS
from asgn.evaluation.scorer.predictions import coco_result
from asgn.files import atomic_write_json, atomic_write_text, ensure_writable_folder
from asgn.progress import progress_bar


def evaluate(
    model: ModelArgument,
    data: Data,
    split: Annotated[str, typer.Option(help="split to score, such as val or testA")],
    root: Root = None,
    protocol: Annotated[
        Literal["clean", "reference"], typer.Option(help="resize logits, then threshold; or as the base code did")
    ] = "clean",
    densecrf: Annotated[bool, typer.Option("--densecrf", help="sharpen masks by dense CRF (extra crf)")] = False,
    control: Annotated[bool, typer.Option("--control", help="score shuffled phrases too")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="score at most this many images, spread out")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="write everything to this file")] = None,
    masks_file: Annotated[Path | None, typer.Option("--masks", help="write the masks here, as COCO results")] = None,
    device: Device = "auto",
) -> None:
    """Score a model on a split: oIoU, mIoU and Pr@X over every sentence, at each image's own size.

    Example: asgn evaluate runs/mine --data own --root my-photos --split val --control --json scores.json
    """
    from accelerate import PartialState
    from accelerate.utils import gather_object

    from asgn.experiments.runs.scoring import evaluate as score
    from asgn.inference.load import load

    is_main = PartialState(cpu=device == "cpu").is_main_process
    segmenter = load(model, device, densecrf)
    dataset = open_dataset(data, root, split)
    for file in (json_file, masks_file):  # found out now rather than after hours
        if file is not None:
            ensure_writable_folder(file.parent)
    masks: list[dict[str, Any]] = []
    with progress_bar("images", hidden=not is_main) as show:
        evaluation = score(
            segmenter,
            dataset,
            protocol=protocol,
            control_seed=0 if control else None,
            limit=limit,
            keep_mask=None if masks_file is None else lambda *answer: masks.append(coco_result(*answer)),
            progress=show,
        )
    masks = gather_object(masks)
    if not is_main:
        return
    row = segmenter.model.config.variant + ("+DCRF" if densecrf else "")
    result = {"model": {"path": model, "variant": row, "provenance": segmenter.model.provenance}}
    if json_file is not None:
        atomic_write_json(json_file, result | evaluation.to_json())
    if masks_file is not None:
        atomic_write_text(masks_file, json.dumps(masks, ensure_ascii=False) + "\n")
    print_table(score_table(row, evaluation))
    generalised = gres_table(evaluation)
    if generalised is not None:
        print_table(generalised)


def score_table(name: str, evaluation: Evaluation) -> Table:
    """The scores as a table, protocol and split named, with the control beneath."""
    title = f"{name} on {evaluation.dataset}/{evaluation.split}, protocol {evaluation.protocol}"
    measures = ["oIoU", "mIoU", *(f"Pr@{threshold}" for threshold in PRECISION_THRESHOLDS)]
    table = new_table(title, ("phrases",), ("expr.", *measures))
    rows = [("true", evaluation.scores)]
    if evaluation.control is not None:
        rows.append(("shuffled", evaluation.control))
    for phrases, scores in rows:
        summary = scores.summary()
        shown = ["-" if summary[measure] is None else f"{summary[measure]:.2f}" for measure in measures]
        table.add_row(phrases, str(summary["expressions"]), *shown)
    timing = f"{evaluation.seconds_per_image:.3f} s an image, {evaluation.seconds_per_phrase:.4f} s a phrase"
    table.caption = f"{evaluation.images} images; {timing}; leaks {evaluation.leak_stamp}"
    return table
