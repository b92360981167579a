"""`asgn data verify`, `stats` and `audit`: what a data set holds, and whether it can be trusted."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.table import Table

from asgn.cli.options import Against, Data, Json, Root, json_text
from asgn.cli.tables import new_table, print_table
from asgn.data.checks.image_origin import ImageLists
from asgn.data.checks.leaks import audit as compare
from asgn.data.checks.statistics import Statistics, draw_statistics, statistics
from asgn.data.checks.verify import Verification
from asgn.data.checks.verify import verify as look_through
from asgn.data.datasets import open_dataset, splits_of_dataset
from asgn.data.vocabulary import Vocabulary
from asgn.errors import DataError
from asgn.progress import progress_bar
from asgn.variants import BackboneName

_SHOWN_FAULTS = 20


def verify(
    data: Data,
    root: Root = None,
    pixels: Annotated[bool, typer.Option(help="decode every image and mask too")] = True,
    as_json: Json = False,
) -> None:
    """Look through a data set: files, images, masks, lines, counts. Exit code 1 when something is faulty.

    Example: asgn data verify --data own --root my-photos
    """
    with progress_bar("images") as show:
        result = look_through(data, root, pixels=pixels, progress=show)
    if as_json:
        typer.echo(json_text({**asdict(result), "differences": result.differences, "ok": result.ok}))
    else:
        _print_verification(result)
    if not result.ok:
        raise typer.Exit(1)


def stats(
    data: Data,
    root: Root = None,
    split: Annotated[list[str] | None, typer.Option(help="split to count; may be repeated; all by default")] = None,
    vocabulary: Annotated[Path | None, typer.Option(help="vocabulary file whose unknown words to count")] = None,
    strip: Annotated[bool, typer.Option(help="take blanks off punctuation before looking it up")] = False,
    png: Annotated[Path | None, typer.Option(help="write lengths, words and mask areas to this picture")] = None,
    as_json: Json = False,
) -> None:
    """Count images, refs, expressions, words and mask areas. Without --vocabulary, the train split's own is used.

    Example: asgn data stats --data unc --root data --png unc.png
    """
    there = splits_of_dataset(data, root)
    if vocabulary is not None:
        words: Vocabulary | None = Vocabulary.read(vocabulary, strip)
    elif "train" in there:
        words = Vocabulary.build(expression.text for expression in open_dataset(data, root, "train").expressions)
    else:
        words = None
    results = []
    for each in split or there:
        with progress_bar(f"{each}: objects") as show:
            opened = open_dataset(data, root, each)
            results.append(statistics(opened, words, progress=show))
    if png is not None:
        draw_statistics(results, png)
    if as_json:
        typer.echo(json_text([result.to_json() for result in results]))
        return
    print_table(_statistics_table(results))


def audit(
    data: Data,
    root: Root = None,
    split: Annotated[str, typer.Option(help="the split that is trained on")] = "train",
    against: Against = None,
    backbone: Annotated[str | None, typer.Option(help="such as R: count what its weights have seen")] = None,
    as_json: Json = False,
) -> None:
    """Compare a training set's images with every evaluation split. Exit code 1 for a leak that training must own up to.

    Example: asgn data audit --data own --root my-photos --against data --backbone R
    """
    letter = next((name for name in get_args(BackboneName) if name == backbone), None)
    if backbone is not None and letter is None:
        raise DataError(f"unknown backbone {backbone!r}: there are {', '.join(get_args(BackboneName))}")
    stamp = compare(open_dataset(data, root, split), ImageLists.parse(against or [], root), backbone=letter)
    if as_json:
        typer.echo(json_text(stamp.to_json()))
    else:
        table = new_table(f"images of {stamp.dataset}/{stamp.split}", ("evaluation split", "status", "why"))
        for name, found in stamp.splits.items():
            ids = f": {', '.join(map(str, found.image_ids[:5]))}, ..." if found.image_ids else ""
            table.add_row(name, found.status, found.reason + ids)
        print_table(table)
        typer.echo(stamp.line())
    if stamp.needs_permission:
        raise typer.Exit(1)


def _statistics_table(results: Sequence[Statistics]) -> Table:
    table = new_table(results[0].dataset, ("",), (result.split for result in results))
    rows: tuple[tuple[str, Callable[[Statistics], str]], ...] = (
        ("images", lambda s: f"{s.images:,}"),
        ("refs", lambda s: f"{s.refs:,}"),
        ("expressions", lambda s: f"{s.expressions:,}"),
        ("  of several objects", lambda s: f"{s.plural:,}"),
        ("  of absent objects", lambda s: f"{s.absent:,}"),
        ("  longer than 20 words", lambda s: f"{s.cut:,}"),
        ("words an expression", lambda s: f"{s.mean_length:.2f}"),
        ("distinct words", lambda s: f"{s.distinct_words:,}"),
        ("unknown words", lambda s: "-" if s.unknown_rate is None else f"{s.unknown_rate:.1%}"),
        ("overlapping polygons", lambda s: "-" if s.overlapping is None else f"{s.overlapping:,}"),
        ("mean mask area", lambda s: "-" if s.mean_area is None else f"{s.mean_area:.1%}"),
    )
    for title, value in rows:
        table.add_row(title, *(value(result) for result in results))
    return table


def _print_verification(result: Verification) -> None:
    title = f"{result.name} in {result.root}" if result.root else result.name
    table = new_table(title, ("split",), ("images", "refs", "expressions"))
    for split in result.splits:
        table.add_row(split.split, f"{split.images:,}", f"{split.refs:,}", f"{split.expressions:,}")
    print_table(table)
    for title, lines in (("differs", result.differences), ("note", result.notes), ("fault", result.faults)):
        for line in lines[:_SHOWN_FAULTS]:
            typer.echo(f"{title}: {line}")
        if len(lines) > _SHOWN_FAULTS:
            typer.echo(f"... and {len(lines) - _SHOWN_FAULTS} more of this kind: see all with --json")
    typer.echo("no faults" if result.ok else f"{len(result.faults)} faults")
