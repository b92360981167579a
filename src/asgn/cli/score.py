"""`asgn score`."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from asgn.cli.gres_table import gres_table
from asgn.cli.options import Data, Root
from asgn.cli.tables import new_table, print_table
from asgn.data.checks.leaks import LeakStamp
from asgn.data.datasets import open_dataset
from asgn.data.files.json_file import read_json
from asgn.data.types import ReferringDataset
from asgn.errors import DataError, UserError
from asgn.evaluation.metrics import METRICS
from asgn.files import atomic_write_json, ensure_writable_folder
from asgn.progress import progress_bar

if TYPE_CHECKING:
    from asgn.evaluation.scorer.generalised import GeneralisedScore
    from asgn.evaluation.scorer.protocols import ProtocolScore
    from asgn.evaluation.scorer.score import ScoreCard

_SHOWN = 10
_SHORT_METRICS = ("oIoU", "mIoU", "Pr@0.5", "Pr@0.7", "Pr@0.9")
_NO_AUDIT = "unknown: nothing was said of the training images"


def score(
    masks: Annotated[Path, typer.Argument(help="COCO results (.json), folder of PNGs, or .npz; see docs/scoring.md")],
    data: Data,
    split: Annotated[str, typer.Option(help="split that the masks are of, such as val or testA")],
    root: Root = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="of masks that are given as probabilities")] = 0.5,
    resamples: Annotated[int, typer.Option(min=1, help="of the bootstrap for the 95% intervals")] = 1000,
    seed: Annotated[int, typer.Option(help="of the bootstrap and of sentences drawn at random")] = 0,
    compare_protocols: Annotated[
        bool, typer.Option("--compare-protocols", help="score the same masks as other published systems do, too")
    ] = False,
    leaks: Annotated[
        Path | None, typer.Option(help="checkpoint that made the masks, or JSON of `asgn data audit --json`")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", "--out", help="write everything to this file")] = None,
) -> None:
    """Score anybody's masks against a split, with intervals and by kind of phrase, its length and object size.

    Example: asgn score results.json --data unc --root data --split testA --json scores.json
    """
    from asgn.evaluation.scorer import score as scorer
    from asgn.evaluation.scorer.generalised import compare_generalised
    from asgn.evaluation.scorer.predictions import read_predictions
    from asgn.evaluation.scorer.protocols import compare_protocols as under_protocols

    if not 0 <= seed < 2**32:
        raise UserError(f"--seed {seed} cannot be used: give a number from 0 to 4294967295")
    dataset = open_dataset(data, root, split)
    stamp = _NO_AUDIT if leaks is None else leak_stamp(leaks, dataset)
    if json_file is not None:
        ensure_writable_folder(json_file.parent)
    with read_predictions(masks, dataset.expressions) as predictions, progress_bar("expressions") as show:
        card = scorer.score(
            predictions,
            dataset,
            threshold=threshold,
            resamples=resamples,
            seed=seed,
            leak_stamp=stamp,
            progress=show,
        )
        protocols, generalised = [], []
        if compare_protocols:
            protocols = under_protocols(predictions, dataset, seed=seed, progress=show)
            generalised = compare_generalised(predictions, dataset, threshold, progress=show)
    if json_file is not None:
        result: dict[str, Any] = {"masks": str(masks), **card.to_json()}
        if protocols:
            result["protocols"] = [asdict(item) for item in protocols]
            result["generalised_protocols"] = [asdict(item) for item in generalised]
        atomic_write_json(json_file, result)
    _print(card, protocols, generalised)


def leak_stamp(source: Path, dataset: ReferringDataset) -> str:
    """What an audit, of a checkpoint or in a file, has to say of scores on this split.

    Raises:
        CheckpointError: there is no such checkpoint.
        DataError: the JSON is not of an audit.
    """
    if source.suffix.lower() != ".json":
        from asgn.checkpoint import load_model
        from asgn.experiments.runs.leaks import leak_stamp_of
        from asgn.inference.load import find_model

        return leak_stamp_of(load_model(find_model(str(source))), dataset)
    try:
        found = LeakStamp.from_json(read_json(source)).of_split(dataset.name, dataset.split)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{source} is no leak audit: write one with `asgn data audit ... --json > FILE`") from error
    return f"{found.status}: {found.reason}" if found.reason else found.status


def _print(card: "ScoreCard", protocols: "Sequence[ProtocolScore]", generalised: "Sequence[GeneralisedScore]") -> None:
    console = Console()
    print_table(_table_of_scores(card))
    for line in (
        f"{len(card.scores)} expressions, {card.refs} refs, {card.images} images; data {card.fingerprint[:12]}",
        f"protocol: {card.to_json()['protocol']}",
        f"leaks: {card.leak_stamp}",
    ):
        console.print(line, markup=False, highlight=False)
    by_targets = gres_table(card)
    if by_targets is not None:
        print_table(by_targets)
    print_table(_table_of_parts(card))
    if protocols:
        print_table(_table_of_protocols(protocols))
        print_table(_table_of_generalised(generalised))
    for what, names in (("missing", card.missing), ("extra", card.extra), ("doubled", card.doubled)):
        if names:
            console.print(_listing(what, names), markup=False, highlight=False)


def _table_of_scores(card: "ScoreCard") -> Table:
    """Each measure over the whole split, with its interval."""
    record = card.to_json()
    table = new_table(f"{card.dataset}/{card.split}", ("measure",), ("score", "95% interval"))
    for name in METRICS:
        table.add_row(name, _number(record["scores"][name]), _interval(record["intervals_95"][name]))
    if record["scores"]["absent_expressions"]:
        table.add_row("absent accuracy", _number(record["scores"]["absent_accuracy"]), "")
    return table


def _table_of_parts(card: "ScoreCard") -> Table:
    """The scores of each part of the split; the precisions left out are in the JSON."""
    table = new_table("by part", ("",), ("expr.", *_SHORT_METRICS, "absent"))
    for title, groups in card.parts.items():
        table.add_row(title, style="bold")
        for group, summary in groups.items():
            shown = [_number(summary[name]) for name in (*_SHORT_METRICS, "absent_accuracy")]
            table.add_row(f"  {group}", str(summary["expressions"]), *shown)
        table.add_section()
    return table


def _table_of_protocols(protocols: "Sequence[ProtocolScore]") -> Table:
    measures = _SHORT_METRICS[:3]
    table = new_table("the same masks as others score", ("size", "sentences", "threshold"), ("expr.", *measures))
    for item in protocols:
        shown = [_number(item.scores[name]) for name in measures]
        table.add_row(item.size, item.sentences, item.threshold, str(item.expressions), *shown)
    return table


def _table_of_generalised(protocols: "Sequence[GeneralisedScore]") -> Table:
    """Each protocol with what is shown of its own measures; the precisions left out are in the JSON."""
    table = new_table("the same masks as work on no or several targets scores", ("protocol", "size", "scores"), ())
    for item in protocols:
        shown = [f"{name} {_number(value)}" for name, value in item.scores.items() if not name.startswith("Pr@")]
        table.add_row(item.protocol, item.size, ", ".join(shown))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _interval(pair: Sequence[float] | None) -> str:
    return "-" if pair is None else f"{pair[0]:.2f} to {pair[1]:.2f}"


def _listing(what: str, names: Iterable[object]) -> str:
    shown = list(map(str, names))
    more = f", and {len(shown) - _SHOWN} more (all in the file of --json)" if len(shown) > _SHOWN else ""
    count = f"{len(shown)} {what} mask{'s' if len(shown) > 1 else ''}"
    return f"{count}: {', '.join(shown[:_SHOWN])}{more}"
