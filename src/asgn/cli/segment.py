"""`asgn segment`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asgn.cli.options import Device, Json, Model, json_text
from asgn.cli.sheet import segment_sheet_file
from asgn.errors import UserError
from asgn.inference.results.records import OutputFormat
from asgn.inference.sheets.arguments import sheet_of_arguments

if TYPE_CHECKING:
    from asgn.inference.explain.explain import Why
    from asgn.inference.results.segmentation import Segmentation
    from asgn.inference.sheets.answers import AnsweredGroup
    from asgn.inference.sheets.reader import Sheet

_NOT_PRINTED = ("bbox", "segmentation")


def segment(
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="IMAGE... PHRASE...", help="image files, folders or patterns; phrases")
    ] = None,
    model: Model = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="CSV of image, phrase and, if you like, id; see docs/segmenting.md")
    ] = None,
    phrases: Annotated[
        str | None, typer.Option("--phrases", help="file of phrases, one a line; - reads standard input")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the results")] = Path(),
    output_format: Annotated[
        OutputFormat, typer.Option("--format", help="what to write; see docs/segmenting.md")
    ] = "png",
    category: Annotated[
        str | None, typer.Option("--category", help="one class for all masks, where the format has classes")
    ] = None,
    densecrf: Annotated[bool, typer.Option("--densecrf", help="sharpen masks by dense CRF (extra crf)")] = False,
    why: Annotated[bool, typer.Option("--why", help="say what made each answer, and what would change it")] = False,
    device: Device = "auto",
    json_output: Json = False,
) -> None:
    """Segment what phrases refer to in images. Each image is encoded once for all phrases.

    Example: asgn segment street.jpg "white car on the right" "left person" -o masks
    """
    if sheet is not None:
        if inputs or phrases is not None:
            raise UserError("give images and phrases either in the sheet or after the command, not both")
        if why:
            raise UserError("--why is for single images: leave it out, or name the image and phrase")
        return segment_sheet_file(sheet, model, out, output_format, category, densecrf, device, json_output)
    if not inputs:
        raise UserError("nothing to segment: give an image file, then phrases, or a --sheet")
    asked, remarks = sheet_of_arguments(inputs, phrases)
    for remark in remarks:
        typer.echo(remark, err=True)

    from asgn.inference.load import load
    from asgn.inference.sheets.direct import segment_rows

    segmenter = load(model, device, densecrf)
    report = _Report(asked, out, why, json_output)
    outcome = segment_rows(segmenter, asked, out, output_format, category, report.add)
    report.end(outcome.results)
    if not json_output and segmenter.model.presence is None:
        threshold = f"{segmenter.presence_threshold:.2f}"
        typer.echo(f"presence is not calibrated for this model: below {threshold} nothing matches", err=True)
    for reason in dict.fromkeys(row.reason for row in outcome.refused):
        typer.echo(f"asgn: {reason}", err=True)
    if outcome.refused:
        raise typer.Exit(2)


class _Report:
    """Says what was found as soon as it is found, or keeps it for one JSON object."""

    def __init__(self, asked: "Sheet", folder: Path, why: bool, is_json: bool) -> None:
        self._asked = asked
        self._folder = folder
        self._why = why
        self._is_json = is_json
        self._images: dict[str, dict[str, Any]] = {}

    def add(self, answered: "AnsweredGroup", records: Sequence[dict[str, Any]]) -> None:
        """Take the answers of a group."""
        name = answered.group.image
        files = dict.fromkeys(str(self._folder / record["file"]) for record in records if "file" in record)
        image: dict[str, Any] = {"image": str(self._asked.image_path(name)), "phrases": [], "files": list(files)}
        for _, found in answered.found:
            reason = found.explain() if self._why else None
            if self._is_json:
                record = {key: value for key, value in found.to_json().items() if key not in _NOT_PRINTED}
                image["phrases"].append(record if reason is None else record | {"why": reason.to_json()})
            else:
                _say(name, found, reason)
        if self._is_json and answered.found:
            before = self._images.setdefault(name, image)
            if before is not image:  # a further group of the same image
                before["phrases"] += image["phrases"]
                before["files"] += image["files"]
        elif not self._is_json:
            typer.echo("".join(f"  {file}\n" for file in files), nl=False)

    def end(self, results: Path | None) -> None:
        """Say where the results are."""
        if self._is_json:
            for image in self._images.values():
                image["files"] += [] if results is None else [str(results)]
            typer.echo(json_text(list(self._images.values())))
        elif results is not None:
            typer.echo(f"  {results}")


def _say(name: str, found: "Segmentation", reason: "Why | None") -> None:
    typer.echo(f"{name}: {found.phrase!r}: {_answer(found)}")
    for remark in found.remarks:
        typer.echo(f"  {remark}", err=True)
    if reason is not None:
        typer.echo("\n".join(f"  {line}" for line in reason.lines()))


def _answer(found: "Segmentation") -> str:
    if found.reason is not None:
        return found.reason
    return f"{found.mask.mean():.1%} of the picture, score {found.score:.2f}, presence {found.presence:.2f}"
