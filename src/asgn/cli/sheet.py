"""`asgn segment --sheet`: thousands of images and phrases from a CSV file."""

import sys
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import typer

from asgn.cli.options import json_text
from asgn.inference.results.records import OutputFormat
from asgn.inference.sheets.reader import read_sheet
from asgn.progress import progress_bar, silent

_LONGEST_WAIT = timedelta(days=7)
"""For the slowest process of a sheet; the usual limit of minutes would end a long run at its very end."""


def segment_sheet_file(
    path: Path,
    model: str | None,
    out: Path,
    output_format: OutputFormat,
    category: str | None,
    densecrf: bool,
    device: str,
    json_output: bool,
) -> None:
    """Segment a sheet's rows, alone or as one of the processes of a launcher; say what became of them."""
    sheet = read_sheet(path)

    from accelerate import PartialState

    from asgn.inference.device import choose_device
    from asgn.inference.load import load
    from asgn.inference.sheets.run import arrived_images, segment_sheet

    chosen = choose_device(device)
    processes = PartialState(cpu=chosen.type == "cpu", timeout=_LONGEST_WAIT)
    if device == "auto" and processes.num_processes > 1:
        chosen = processes.device
    segmenter = load(model, chosen, densecrf)
    with progress_bar("rows" if processes.num_processes == 1 else "rows of this process") as show:
        show_here = show if processes.is_main_process else silent
        summary = segment_sheet(segmenter, sheet, out, output_format, processes, show_here, category)
    processes.destroy_process_group()
    if summary is None:
        return
    arrived = arrived_images(sheet, out)
    if arrived:
        retry = f"asgn segment --sheet {summary.rejected} -o ANOTHER-FOLDER"
        print(f"{len(arrived):,} missing images, such as {arrived[0]}, are there now: `{retry}`", file=sys.stderr)
    if json_output:
        typer.echo(json_text(asdict(summary)))
        return
    typer.echo(f"{summary.segmented:,} of {summary.rows:,} rows segmented, {summary.nothing_found:,} found nothing")
    typer.echo(f"  {summary.results}")
    if summary.rejected is not None:
        print(f"{summary.refused:,} rows refused, with the reasons in {summary.rejected}", file=sys.stderr)
