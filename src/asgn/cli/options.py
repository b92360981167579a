"""Options that several commands share."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from asgn.config import LossConfig, ModelConfig, TrainConfig, help_of
from asgn.errors import UserError


def train_option(name: str, *flags: str, **limits: Any) -> Any:
    """An option for a field of TrainConfig, with that field's documentation and limits."""
    return typer.Option(*flags, help=help_of(TrainConfig, name), **limits)


def loss_option(name: str, *flags: str) -> Any:
    """An option for a field of LossConfig, with that field's documentation."""
    return typer.Option(*flags, help=help_of(LossConfig, name))


def model_option(name: str, *flags: str) -> Any:
    """An option for a field of ModelConfig, with that field's documentation."""
    return typer.Option(*flags, help=help_of(ModelConfig, name))


Data = Annotated[str, typer.Option("--data", help="data set: unc, unc+, gref, gref-umd, referit, own or synthetic")]
Root = Annotated[Path | None, typer.Option("--root", help="folder of the data set; synthetic needs none")]
Against = Annotated[
    list[str] | None,
    typer.Option(
        "--against",
        help="folder of benchmarks, file naming COCO images, or SPLIT=FILE (unc/val=val.json); may be repeated",
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", help="checkpoint file, folder of a run or of `asgn export`, OWNER/NAME, or the default, asgn-mobile"
    ),
]
ModelArgument = Annotated[
    str, typer.Argument(help="checkpoint file, folder of a run or of `asgn export`, OWNER/NAME, or asgn-mobile")
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object instead of text")]


def model_changes(image_size: int | None) -> dict[str, object]:
    """The fields of ModelConfig that an `--image-size` sets. Raises UserError for one that no network takes."""
    if image_size is None:
        return {}
    if image_size < 32 or image_size % 32:
        raise UserError(f"--image-size {image_size} cannot be used: give a multiple of 32, such as 320")
    return {"image_size": image_size}


def weights_given(text: str) -> Any:
    """What `--weights` means: `default`, `random`, the path of a file, or paths parted by commas."""
    if text in ("default", "random"):
        return text
    paths = [Path(text)] if Path(text).exists() else [Path(part) for part in text.split(",")]
    return paths[0] if len(paths) == 1 else tuple(paths)


def json_text(value: object) -> str:
    """Indented JSON for machines, in ASCII: any terminal can show it, and it holds file names that are no UTF-8."""
    return json.dumps(value, indent=2)
