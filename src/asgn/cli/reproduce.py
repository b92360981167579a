"""`asgn reproduce`."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from asgn.cli.options import Against, Root, weights_of, with_settings
from asgn.config import LossConfig, ModelConfig, TrainConfig
from asgn.data.checks.image_origin import ImageLists
from asgn.data.vocabulary import Vocabulary
from asgn.errors import UserError

if TYPE_CHECKING:
    from asgn.experiments.reproduce.setting import Setting

Out = Annotated[Path, typer.Option("--out", "-o", help="folder of the pages")]
Backbone = Annotated[Literal["R", "D", "M"] | None, typer.Option(help="take this backbone in place of each row's own")]
Rows = Annotated[str | None, typer.Option(help="only these rows, with commas, such as M+LSTM,M+LSTM+AT")]
Reduction = Annotated[
    Literal["sum", "mean", "both"], typer.Option("--ce-reduction", help="cross entropy: sum, mean; both in table6")
]


@with_settings(without=("seed",))
def reproduce(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="table1 ... table6, figure4 ... figure8")],
    out: Out,
    train: TrainConfig,
    losses: LossConfig,
    model: Annotated[dict[str, Any], ModelConfig],
    data: Annotated[str | None, typer.Option(help="data set as in `asgn train`; default: the paper's first")] = None,
    root: Root = None,
    runs: Annotated[Path | None, typer.Option(help="folder of the runs, made or taken; default: OUT/runs")] = None,
    backbone: Backbone = None,
    rows: Rows = None,
    splits: Annotated[str | None, typer.Option(help="splits to score, with commas; default: the paper's")] = None,
    seeds: Annotated[str, typer.Option(help="seeds, with commas")] = "0",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="list rows, hours, disk and what is missing")] = False,
    weights: Annotated[str, typer.Option(help="backbone weights: default, random, or a file")] = "default",
    vocabulary: Annotated[Path | None, typer.Option(help="word list; default: the training words")] = None,
    against: Against = None,
    packed: Annotated[Path | None, typer.Option(help="folder of packed splits, as in `asgn train`")] = None,
    allow_leak: Annotated[bool, typer.Option("--allow-leak", help="train on evaluation images, and say so")] = False,
    features: Annotated[Literal["alexnet", "squeezenet"], typer.Option(help="describes masks in table4")] = "alexnet",
    weights_features: Annotated[Path | None, typer.Option(help="its weights; alexnet can be downloaded")] = None,
    panels: Annotated[int, typer.Option(min=1, max=40, help="examples of a figure")] = 6,
    protocol: Annotated[Literal["clean", "reference"], typer.Option(help="as in `asgn evaluate`")] = "clean",
    limit: Annotated[int | None, typer.Option(min=1, help="images scored of each split")] = None,
    validate_every: Annotated[int | None, typer.Option(min=0, help="default: 15 times; 0: at the end alone")] = None,
    checkpoint_every: Annotated[int | None, typer.Option(min=0, help="default: 10 times, at most 1000 steps")] = None,
    ce_reduction: Reduction = "sum",
    cpu: Annotated[bool, typer.Option("--cpu", help="use no accelerator even where there is one")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="a progress line for each run")] = False,
) -> None:
    """Train and score a table's or figure's rows, and set them beside the paper's numbers, where they compare.

    A repeated command goes on where it was stopped. Every row has the same training settings.

    Example: asgn reproduce table2 --data unc --root data --out reports --seeds 0,1,2
    """
    from asgn.experiments.reproduce.rows import paper_data, rows_of
    from asgn.experiments.reproduce.setting import Features, Setting

    rows_of(what)
    setting = Setting(
        data=data or paper_data(what),
        root=root,
        out=out,
        runs=runs or out / "runs",
        backbone=backbone,
        rows=row_names(rows),
        splits=tuple(name.strip() for name in splits.split(",")) if splits else (),
        seeds=seed_numbers(seeds),
        train=replace(
            train,
            validate_every=max(1, train.steps // 15) if validate_every is None else validate_every,
            checkpoint_every=max(1, min(1000, train.steps // 10)) if checkpoint_every is None else checkpoint_every,
        ),
        losses=replace(losses, ce_reduction="sum" if ce_reduction == "both" else ce_reduction),
        reductions=("sum", "mean") if ce_reduction == "both" else (ce_reduction,),
        model_changes=model,
        vocabulary=None if vocabulary is None else Vocabulary.read(vocabulary),
        weights=weights_of(weights),
        features=Features(features, weights_features),
        packed=packed,
        image_lists=ImageLists.parse(against or [], root),
        allow_leak=allow_leak,
        protocol=protocol,
        limit=limit,
        panels=panels,
        command=shlex.join(["asgn", *sys.argv[1:]]),
        cpu=cpu,
        quiet=not verbose,
    )
    _list(what, setting) if dry_run else _run(what, setting)


def row_names(text: str | None) -> tuple[str, ...]:
    """Row names with commas between them; those within brackets belong to a name. Without a text, none.

    Raises UserError for a text without any name.
    """
    names, depth = [""], 0
    for letter in text or "":
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            names.append("")
        else:
            names[-1] += letter
    found = tuple(name.strip() for name in names if name.strip())
    if text is not None and not found:
        raise UserError(f"--rows {text!r} names no row: give some, as in --rows M+LSTM,M+LSTM+AT, or leave it out")
    return found


def seed_numbers(text: str) -> tuple[int, ...]:
    """Seeds with commas between them. Raises UserError for what is no number, doubled or missing."""
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--seeds {text!r} are no numbers: give them as in --seeds 0,1,2") from error
    if len(set(seeds)) < len(seeds) or min(seeds) < 0 or max(seeds) >= 2**32:
        raise UserError(
            f"--seeds {text!r} cannot be used: give different numbers from 0 to 4294967295, as in --seeds 0,1,2"
        )
    return seeds


def _run(what: str, setting: "Setting") -> None:
    from asgn.experiments.reproduce.command import reproduce as reproduce_rows

    try:
        result = reproduce_rows(what, setting, lambda line: typer.echo(line, err=True))
    except KeyboardInterrupt:
        typer.echo("stopped; finished steps are saved: repeat the command to go on", err=True)
        raise typer.Exit(130) from None
    for path in result.files:
        typer.echo(path)
    if result.failed:
        typer.echo(f"{len(result.failed)} of {result.runs} runs failed: {result.failed[0]}", err=True)
        raise typer.Exit(1)


def _list(what: str, setting: "Setting") -> None:
    from asgn.experiments.reproduce.dry_run import dry_run

    for line in dry_run(what, setting, lambda line: typer.echo(line, err=True)):
        typer.echo(line)
