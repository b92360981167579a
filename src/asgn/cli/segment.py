"""`asgn segment`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asgn.cli.options import Device, Json, Model, json_text
from asgn.cli.sheet import segment_rows
from asgn.data.files.images import load_image, refuse_address
from asgn.errors import UserError
from asgn.inference.results.writers import OutputFormat, ResultWriter

if TYPE_CHECKING:
    from asgn.inference.explain.explain import Why
    from asgn.inference.results.segmentation import Segmentation

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2", ".avif"}


def segment(
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="IMAGE... PHRASE...", help="image files, then phrases")
    ] = None,
    model: Model = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="CSV of image, phrase and, if you like, id; see docs/segmenting.md")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the results")] = Path(),
    output_format: Annotated[
        OutputFormat, typer.Option("--format", help="png masks, rle, coco, polygon or overlay")
    ] = "png",
    densecrf: Annotated[bool, typer.Option("--densecrf", help="sharpen masks by dense CRF (extra crf)")] = False,
    why: Annotated[bool, typer.Option("--why", help="say what made each answer, and what would change it")] = False,
    device: Device = "auto",
    json_output: Json = False,
) -> None:
    """Segment what phrases refer to in photographs. Each photograph is encoded once for all phrases.

    Example: asgn segment street.jpg "white car on the right" "left person" -o masks
    """
    if sheet is not None:
        if inputs:
            raise UserError("give images and phrases either in the sheet or behind the command, not both")
        if why:
            raise UserError("--why is for single photographs: leave it out, or name the image and phrase")
        return segment_rows(sheet, model, out, output_format, densecrf, device, json_output)
    images, phrases = split_inputs(inputs or [])

    from asgn.inference.explain.explain import explain
    from asgn.inference.load import load

    segmenter = load(model, device, densecrf)
    for phrase in phrases:
        segmenter.read_phrase(phrase)
    found = []
    with ResultWriter(out, output_format, photographs=images) as writer:
        for path in images:
            pixels = load_image(path)
            encoded = segmenter.encode(pixels)
            results = segmenter(encoded, phrases)
            reasons = [explain(segmenter, encoded, phrase) for phrase in phrases] if why else []
            written = writer.write(pixels, path.name, results)
            found.append(_record(path, results, reasons, written))
            if not json_output:
                _say(path, results, reasons, written)
    if json_output:
        typer.echo(json_text(found))
    elif segmenter.model.presence is None:
        threshold = f"{segmenter.presence_threshold:.2f}"
        typer.echo(f"presence is not calibrated for this model: below {threshold} nothing matches", err=True)


def split_inputs(inputs: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Which arguments are images (files that exist, or names that end like one) and which are phrases."""
    if not inputs:
        raise UserError("nothing to segment: give an image file, then phrases, or a --sheet")
    for text in inputs:
        refuse_address(text)
    images = [Path(text) for text in inputs if Path(text).suffix.lower() in IMAGE_SUFFIXES or _is_file(text)]
    phrases = [text for text in inputs if Path(text) not in images]
    listed = ", ".join(map(repr, inputs))
    if not images:
        raise UserError(f"no image among {listed}: give an image file, then phrases")
    if not phrases:
        raise UserError(f"no phrase: {listed} are files, or called like images; say what to segment, such as 'the dog'")
    return images, phrases


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:  # a long phrase is no possible file name
        return False


def _record(
    path: Path, results: "Sequence[Segmentation]", reasons: "Sequence[Why]", written: Sequence[Path]
) -> dict[str, object]:
    phrases: list[dict[str, object]] = [
        {
            "phrase": result.phrase,
            "score": result.score,
            "presence": result.presence,
            "found": result.found,
            "reason": result.reason,
            "remarks": result.remarks,
            "area": int(result.mask.sum()),
            "read_as": dict(result.read_as),
            "unknown_words": list(result.unknown),
            "nearest_known": dict(result.reading.nearest),
            "cut_words": list(result.cut),
        }
        for result in results
    ]
    for record, reason in zip(phrases, reasons, strict=False):
        record["why"] = reason.to_json()
    return {"image": str(path), "phrases": phrases, "files": [str(file) for file in written]}


def _say(path: Path, results: "Sequence[Segmentation]", reasons: "Sequence[Why]", written: Sequence[Path]) -> None:
    for place, result in enumerate(results):
        typer.echo(f"{path.name}: {result.phrase!r}: {_answer(result)}")
        for remark in result.remarks:
            typer.echo(f"  {remark}", err=True)
        for reason in reasons[place : place + 1]:
            typer.echo("\n".join(f"  {line}" for line in reason.lines()))
    for file in written:
        typer.echo(f"  {file}")


def _answer(result: "Segmentation") -> str:
    if result.reason is not None:
        return result.reason
    return f"{result.mask.mean():.1%} of the picture, score {result.score:.2f}, presence {result.presence:.2f}"
