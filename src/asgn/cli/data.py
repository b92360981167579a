"""`asgn data`: getting, checking, counting, auditing, packing and making data sets."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from asgn.cli.data_checks import audit, stats, verify
from asgn.cli.options import Data, Json, Root, json_text
from asgn.data.datasets import open_dataset
from asgn.data.download.fetch import fetch as fetch_files
from asgn.data.download.mirrors import DOWNLOADS
from asgn.progress import progress_bar

data_app = typer.Typer(name="data", help="Get, check, count, audit, pack and make data sets.", no_args_is_help=True)
for command in (verify, stats, audit):
    data_app.command()(command)

_SHOWN_FAULTS = 20


@data_app.command()
def fetch(
    name: Annotated[str, typer.Argument(help=f"data set: {', '.join(DOWNLOADS)}")],
    root: Annotated[Path, typer.Option(help="data folder; made if needed")],
    source: Annotated[Path | None, typer.Option("--from", help="take the files from this folder or archive")] = None,
    as_json: Json = False,
) -> None:
    """Fetch a benchmark from its mirrors, going on where an earlier try stopped.

    Example: asgn data fetch unc --root data
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(done: int, total: int | None, what: str = "", /) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what)
            bar.update(tasks[what], completed=done, total=total)

        results = fetch_files(name, root, source=source, progress=show)
    if as_json:
        typer.echo(json_text([asdict(result) for result in results]))
        return
    for result in results:
        typer.echo(f"{result.name}: {result.outcome}" + (f" from {result.origin}" if result.origin else ""))
        for failure in result.failures:
            typer.echo(f"  failed: {failure}")
        if result.sha256:
            typer.echo(f"  sha256 {result.sha256} ({'as known' if result.checked else 'not known before: compare it'})")


@data_app.command()
def pack(
    data: Data,
    out: Annotated[Path, typer.Option("-o", "--out", help="folder of packed splits")],
    root: Root = None,
    split: Annotated[str, typer.Option(help="split to pack")] = "train",
    side: Annotated[int, typer.Option(min=1, max=4096, help="side of the network's square, in pixels")] = 320,
    seed: Annotated[int, typer.Option(help="of synthetic scenes")] = 0,
) -> None:
    """Pack a split's images and masks at the training size into arrays that are read without decoding.

    Example: asgn data pack --data unc --root data --split train -o packed
    """
    from asgn.data.loading.pack import open_packed, packed_path

    source = open_dataset(data, root, split, seed=seed)
    with progress_bar("images") as show:
        open_packed(source, out, side, progress=show, say=typer.echo)
    path = packed_path(source, out, side)
    typer.echo(f"{path}: {sum(file.stat().st_size for file in path.iterdir()) / 1e6:.1f} MB")


@data_app.command()
def expressions(
    annotations: Annotated[Path, typer.Argument(help="COCO instances or panoptic file")],
    out: Annotated[Path, typer.Option("-o", "--out", help="folder to write, a data set of your own")],
    images: Annotated[Path | None, typer.Option(help="folder of its images; else images/ beside it")] = None,
    segments: Annotated[Path | None, typer.Option(help="folder of a panoptic file's PNGs")] = None,
    per_object: Annotated[int, typer.Option(min=1, help="phrases to aim at for each object")] = 12,
    val_share: Annotated[float, typer.Option("--val", min=0, max=0.9, help="share of images for split val")] = 0.0,
    seed: Annotated[int, typer.Option(help="of the choice and wording of phrases")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="take at most this many images")] = None,
    as_json: Json = False,
) -> None:
    """Make a referring data set from any annotated images.

    Example: asgn data expressions instances.json --images photos -o my-set --val 0.1
    """
    from asgn.data.photographs.annotate import annotate

    with progress_bar("images") as show:
        made = annotate(
            annotations,
            images,
            out,
            segments=segments,
            per_object=per_object,
            val_share=val_share,
            seed=seed,
            limit=limit,
            progress=show,
        )
    if as_json:
        typer.echo(json_text(vars(made)))
        return
    typer.echo(f"{made.phrases:,} phrases ({made.distinct:,} distinct) over {made.images_described:,} images in {out}")
    typer.echo(f"{made.objects:,} of {made.annotations:,} objects can be meant, {made.described:,} of them are")
    if made.left_out:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in made.left_out.most_common())
        typer.echo(f"nothing is said of annotations that are doubtful: {reasons}")
    typer.echo(f"nothing is said of {made.images - made.images_described:,} more images")
    typer.echo(", ".join(f"{count:,} {kind}" for kind, count in made.kinds.most_common()))
    for line in made.skipped[:_SHOWN_FAULTS]:
        typer.echo(f"left out: {line}")
    typer.echo(f"train on it with `asgn train M+LSTM --data own --root {out} --out RUN`")
