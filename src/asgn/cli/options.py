"""Options that several commands share, and those made from the fields of settings."""

import functools
import inspect
import json
from collections.abc import Callable, Collection
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import typer

from asgn.data.datasets import NAMES, open_dataset
from asgn.data.vocabulary import Vocabulary
from asgn.errors import UserError
from asgn.settings import check
from asgn.variants import Variant

if TYPE_CHECKING:
    from asgn.experiments.runs.assembly import RunConfig
    from asgn.models.pretrained import Weights

Data = Annotated[str, typer.Option("--data", help=f"data set: {', '.join(NAMES[:-1])} or {NAMES[-1]}")]
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


def with_settings(without: Collection[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for every field of each parameter that is a dataclass; the command gets it made.

    A parameter `Annotated[dict[str, Any], ModelConfig]` stands for the fields given: the others are left out of it. A
    field takes no option if the command or an earlier class has one of its name, or it is in `without`.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        groups = {name: kind for name, one in signature.parameters.items() if (kind := _settings_of(one.annotation))}
        taken = {*without, *signature.parameters}
        shown: dict[str, list[Field[Any]]] = {}
        for name, kind in groups.items():
            options = [item for item in fields(kind) if item.metadata.get("is_option", True)]
            shown[name] = [item for item in options if item.name not in taken]
            taken |= {item.name for item in options}

        @functools.wraps(command)
        def run(**values: Any) -> None:
            for name, kind in groups.items():
                given = {item.name: values.pop(item.name) for item in shown[name]}
                is_whole = signature.parameters[name].annotation is kind
                if not is_whole:
                    given = {field: value for field, value in given.items() if value is not None}
                for item in shown[name]:
                    if item.name in given and "limits" in item.metadata:
                        check(item, given[item.name], f"--{item.name.replace('_', '-')}")
                values[name] = kind(**given) if is_whole else given
            command(**values)

        parameters: list[inspect.Parameter] = []
        for name, one in signature.parameters.items():
            is_whole = name in groups and one.annotation is groups[name]
            parameters += [_parameter(item, is_whole) for item in shown[name]] if name in groups else [one]
        keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
        run.__signature__ = signature.replace(parameters=keywords)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in keywords}
        return run

    return decorate


def _settings_of(annotation: Any) -> Any:
    """The class of settings that a parameter stands for; None for one that is an option itself."""
    if is_dataclass(annotation):
        return annotation
    if get_origin(annotation) is Annotated:
        extras = get_args(annotation)[1:]
        return next((extra for extra in extras if inspect.isclass(extra) and is_dataclass(extra)), None)
    return None


def _parameter(item: Field[Any], is_whole: bool) -> inspect.Parameter:
    """The option of a field; one that need not be given, of a class with other defaults, has none of its own."""
    kind: Any = item.type
    default = inspect.Parameter.empty if item.default is MISSING else item.default
    if "help" in item.metadata:
        flags = [f"--{item.name.replace('_', '-')}"] if item.type is bool and item.default is False else []
        show = True if is_whole else f"the row's own, such as {item.default}"
        kind = Annotated[
            kind if is_whole else kind | None, typer.Option(*flags, help=item.metadata["help"], show_default=show)
        ]
        default = item.default if is_whole else None
    return inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)


@dataclass(frozen=True)
class RunOptions:
    """What a run reads and where it computes: of `asgn train` and `asgn plan`."""

    data: Data
    root: Root = None
    split: Annotated[str, typer.Option(help="split to train on")] = "train"
    val_split: Annotated[str, typer.Option(help="split to validate on")] = "val"
    vocabulary: Annotated[
        Path | None, typer.Option(help="word list or tokenizer.json; default: the training words")
    ] = None
    packed: Annotated[
        Path | None, typer.Option(help="folder of packed splits: the split is packed there once, then read undecoded")
    ] = None
    cpu: Annotated[bool, typer.Option("--cpu", help="use no accelerator even where there is one")] = False

    def config(self, row: str, folder: Path, weights: str, **further: Any) -> "RunConfig":
        """The run of a row.

        Raises:
            UserError: there is no such row, it has dense CRF, or the data or words cannot be read.
        """
        from asgn.experiments.runs.assembly import RunConfig

        variant = Variant.parse(row)
        if variant.densecrf:
            raise UserError(
                f"dense CRF is not trained: take {variant.without_densecrf()} here, and `asgn evaluate --densecrf`"
            )
        return RunConfig(
            variant=variant,
            train_data=open_dataset(self.data, self.root, self.split, seed=0),
            validation_data=open_dataset(self.data, self.root, self.val_split, seed=0),
            folder=folder,
            vocabulary=None if self.vocabulary is None else Vocabulary.read(self.vocabulary),
            weights=weights_of(weights),
            packed=self.packed,
            **further,
        )


def weights_of(text: str) -> "Weights":
    """What `--weights` means: `default`, `random`, the path of a file, or paths parted by commas."""
    if text in ("default", "random"):
        return "random" if text == "random" else "default"
    paths = [Path(text)] if Path(text).exists() else [Path(part) for part in text.split(",")]
    return paths[0] if len(paths) == 1 else tuple(paths)


def json_text(value: object) -> str:
    """Indented JSON for machines, in ASCII: any terminal can show it, and it holds file names that are no UTF-8."""
    return json.dumps(value, indent=2)
