"""`asgn probe`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asgn.cli.options import Data, Device, Json, ModelArgument, Root, json_text
from asgn.data.datasets import open_dataset
from asgn.errors import UserError
from asgn.progress import progress_bar

if TYPE_CHECKING:
    from asgn.evaluation.probes.binomial import Share
    from asgn.experiments.probe import Probe


def probe(
    model: ModelArgument,
    data: Data,
    split: Annotated[str, typer.Option(help="split to ask about, such as val; needs instances.json")],
    root: Root = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="store the best presence threshold in the checkpoint")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="ask for absent things in at most this many images")] = None,
    device: Device = "auto",
    json_output: Json = False,
) -> None:
    """Ask whether a model tells left from right, and whether it says so when nothing matches.

    Example: asgn probe runs/mine --data own --root my-photos --split val --calibrate
    """
    from asgn.checkpoint import write_presence
    from asgn.evaluation.probes.spatial_probe import instances_of
    from asgn.experiments.probe import calibrate_presence
    from asgn.experiments.probe import probe as ask
    from asgn.inference.load import BOX, find_model, load

    path = find_model(model)
    if calibrate and (path.resolve().parent == BOX.resolve() or not Path(model).exists()):
        raise UserError(f"--calibrate writes into the model, and {path} is shared: copy it, and give the copy's path")
    dataset = open_dataset(data, root, split)
    instances_of(dataset)
    segmenter = load(model, device)
    with progress_bar("images") as show:
        asked = ask(segmenter, dataset, limit, show)
    calibration = calibrate_presence(asked.phrases, dataset)
    written = write_presence(path, calibration) if calibrate else None
    if json_output:
        typer.echo(json_text(asked.to_json() | {"calibrated": None if written is None else str(written)}))
        return
    _say(asked, f"{data}/{split}")
    if written is None:
        typer.echo(f"the threshold fitted here is {calibration.threshold:.3f}: store it with --calibrate")
    else:
        typer.echo(f"{written}: presence threshold {calibration.threshold:.3f} from now on")


def _say(asked: "Probe", where: str) -> None:
    typer.echo(f"the side meant, of two objects of one kind ({where}):")
    for side, share in (asked.sides | {"all": asked.all_sides}).items():
        typer.echo(f"  {side:24}{_share(share)}")
    fitted, held_out = asked.phrases.fitted_threshold(), asked.phrases.held_out_accuracy()
    for name, threshold in (("the model's", asked.threshold), ("fitted here", fitted)):
        accuracy = asked.phrases.balanced_accuracy(threshold)
        typer.echo(f"present or absent, threshold {threshold:.3f} ({name}): balanced accuracy {accuracy:.1f} %")
        for kind, share in asked.phrases.shares(threshold).items():
            typer.echo(f"  {kind:24}{_share(share)}")
    if held_out is not None:
        typer.echo(f"with thresholds from the other half of the images: {held_out:.1f} %")
    typer.echo(f"leaks {asked.leak_stamp}")


def _share(share: "Share") -> str:
    if share.percent is None or share.interval is None:
        return "none asked"
    low, high = share.interval
    return f"{share.right:>5} of {share.total:<5} {share.percent:5.1f} %  (95 %: {low:.1f}-{high:.1f})"
