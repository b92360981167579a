"""`asgn reproduce`."""

import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from asgn.cli.options import Against, Root, weights_of, with_settings
from asgn.config import LossConfig, ModelConfig, TrainConfig
from asgn.data.checks.image_origin import ImageLists
from asgn.data.vocabulary import Vocabulary
from asgn.errors import UserError

if TYPE_CHECKING:
    from asgn.experiments.reproduce.config import ReproductionConfig, Scoring


@dataclass(frozen=True)
class ReproductionOptions:
    """What is reproduced, from what and into what."""

    out: Annotated[Path, typer.Option("--out", "-o", help="folder of the pages")]
    data: Annotated[str | None, typer.Option(help="data set as in `asgn train`; default: the paper's first")] = None
    root: Root = None
    runs: Annotated[Path | None, typer.Option(help="folder of the runs, made or taken; default: OUT/runs")] = None
    backbone: Annotated[
        Literal["R", "D", "M", "N", "MN", "V"] | None, typer.Option(help="this backbone in place of each row's own")
    ] = None
    rows: Annotated[str | None, typer.Option(help="only these rows, with commas, such as M+LSTM,M+LSTM+AT")] = None
    splits: Annotated[str | None, typer.Option(help="splits to score, with commas; default: the paper's")] = None
    seeds: Annotated[str, typer.Option(help="seeds, with commas")] = "0"
    paired: Annotated[
        bool,
        typer.Option(
            "--paired", help="table2, table4: rows with and without AT go on from one run without it, as --warmup-steps"
        ),
    ] = False
    weights: Annotated[str, typer.Option(help="backbone weights: default, random, or a file")] = "default"
    vocabulary: Annotated[Path | None, typer.Option(help="word list; default: the training words")] = None
    against: Against = None
    packed: Annotated[Path | None, typer.Option(help="folder of packed splits, as in `asgn train`")] = None
    cached_features: Annotated[
        Path | None, typer.Option(help="folder of a frozen backbone's features, as in `asgn train`")
    ] = None
    allow_leak: Annotated[bool, typer.Option("--allow-leak", help="train on evaluation images, and say so")] = False
    validate_every: Annotated[int | None, typer.Option(min=0, help="default: 15 times; 0: at the end alone")] = None
    checkpoint_every: Annotated[int | None, typer.Option(min=0, help="default: 10 times, at most 1000 steps")] = None
    ce_reduction: Annotated[
        Literal["sum", "mean", "both"], typer.Option(help="cross entropy: sum, mean; both in table6")
    ] = "sum"

    def configs(
        self, what: str, train: TrainConfig, losses: LossConfig, model: dict[str, Any], scoring: "Scoring", quiet: bool
    ) -> list["ReproductionConfig"]:
        """The reproduction, or one for each data set named.

        Raises:
            UserError: there is no such table, row or reduction, a seed is none, or words cannot be read.
        """
        from asgn.experiments.reproduce.config import ReproductionConfig
        from asgn.experiments.reproduce.rows import paper_data, rows_of, seeds_of
        from asgn.experiments.runs.assembly import RunSettings

        reductions = ("sum", "mean") if self.ce_reduction == "both" else (self.ce_reduction,)
        rows = rows_of(what, self.backbone, row_names(self.rows), reductions)
        validate, save = self.validate_every, self.checkpoint_every
        settings = RunSettings(
            train=replace(
                train,
                validate_every=max(1, train.steps // 15) if validate is None else validate,
                checkpoint_every=max(1, min(1000, train.steps // 10)) if save is None else save,
            ),
            losses=replace(losses, ce_reduction="mean" if self.ce_reduction == "mean" else "sum"),
            model_changes=model,
            vocabulary=None if self.vocabulary is None else Vocabulary.read(self.vocabulary),
            weights=weights_of(self.weights),
            packed=self.packed,
            cached_features=self.cached_features,
            image_lists=ImageLists.parse(self.against or [], self.root),
            allow_leak=self.allow_leak,
            quiet=quiet,
        )
        if self.paired and (what not in ("table2", "table4") or train.steps < 2):
            raise UserError("--paired is for table2 and table4, with --steps 2 or more: leave it out")
        names = [name.strip() for name in (self.data or paper_data(what)).split(",")]
        if len(names) > 1 and what != "table1":
            raise UserError(f"--data {self.data} are several data sets, which table1 alone joins: give one")
        return [
            ReproductionConfig(
                what=what,
                data=name,
                root=self.root,
                out=self.out,
                runs=self.runs or self.out / "runs",
                rows=tuple(rows),
                seeds=seeds_of(what, seed_numbers(self.seeds)),
                splits=tuple(name.strip() for name in self.splits.split(",")) if self.splits else (),
                is_paired=self.paired,
                settings=settings,
                scoring=scoring,
                command=shlex.join(["asgn", *sys.argv[1:]]),
            )
            for name in names
        ]


@dataclass(frozen=True)
class ScoringOptions:
    """How trained rows are scored and shown."""

    features: Annotated[Literal["alexnet", "squeezenet"], typer.Option(help="describes masks in table4")] = "alexnet"
    weights_features: Annotated[Path | None, typer.Option(help="its weights; alexnet can be downloaded")] = None
    panels: Annotated[int, typer.Option(min=1, max=40, help="examples of a figure")] = 6
    protocol: Annotated[Literal["clean", "reference"], typer.Option(help="as in `asgn evaluate`")] = "clean"
    limit: Annotated[int | None, typer.Option(min=1, help="images scored of each split")] = None
    cpu: Annotated[bool, typer.Option("--cpu", help="use no accelerator even where there is one")] = False


@with_settings(without=("seed",))
def reproduce(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="table1 ... table6, figure4 ... figure8")],
    options: ReproductionOptions,
    train: TrainConfig,
    losses: LossConfig,
    model: Annotated[dict[str, Any], ModelConfig],
    shown: ScoringOptions,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="list rows, hours, disk and what is missing")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="a progress line for each run")] = False,
) -> None:
    """Train and score a table's or figure's rows, and set them beside the paper's numbers, where they compare.

    A repeated command goes on where it was stopped. Every row has the same training settings.

    Example: asgn reproduce table2 --data unc --root data --out reports --seeds 0,1,2
    """
    from asgn.experiments.reproduce.command import reproduce_all
    from asgn.experiments.reproduce.config import Scoring
    from asgn.experiments.reproduce.dry_run import dry_run as list_rows

    def say(line: str) -> None:
        typer.echo(line, err=True)

    scoring = Scoring(shown.protocol, shown.limit, shown.panels, shown.features, shown.weights_features, shown.cpu)
    configs = options.configs(what, train, losses, model, scoring, quiet=not verbose)
    if dry_run:
        for config in configs:
            typer.echo("\n".join(list_rows(config, say)))
        return
    try:
        files, failed = reproduce_all(configs, say)
    except KeyboardInterrupt:
        typer.echo("stopped; finished steps are saved: repeat the command to go on", err=True)
        raise typer.Exit(130) from None
    for path in files:
        typer.echo(path)
    if failed:
        runs = sum(len(config.rows) * len(config.seeds) for config in configs)
        typer.echo(f"{len(failed)} of {runs} runs failed: {failed[0]}", err=True)
        raise typer.Exit(1)


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
