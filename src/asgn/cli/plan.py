"""`asgn plan`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from asgn.cli.options import Json, RunOptions, json_text, with_settings
from asgn.config import LossConfig, ModelConfig, TrainConfig


@with_settings()
def plan(
    variant: Annotated[str, typer.Argument(help="row name, such as R+LSTM+DE+SE+AT")],
    run: RunOptions,
    train: TrainConfig,
    losses: LossConfig,
    model: Annotated[dict[str, Any], ModelConfig],
    gpu_memory: Annotated[
        float | None, typer.Option(min=0.1, help="GiB of the GPU to train on: find the largest micro-batch that fits")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="folder of the run: plan.json, which its summary is set against")
    ] = None,
    weights: Annotated[str, typer.Option(help="backbone weights: random, default, or a file")] = "random",
    as_json: Json = False,
) -> None:
    """Measure some of a run's own steps, and say what it will take: samples/s, hours, memory, micro-batch.

    Example: asgn plan R+LSTM+DE+SE+AT --data unc --root data --batch-size 64 --steps 12000 --gpu-memory 24
    """
    from asgn.experiments.planning.estimate import plan_run
    from asgn.experiments.runs.assembly import accelerator_of
    from asgn.experiments.runs.summary import PLAN
    from asgn.files import atomic_write_json, ensure_writable_folder

    folder = Path() if out is None else ensure_writable_folder(out)
    config = run.config(variant, folder, weights, train=train, losses=losses, model_changes=model, quiet=True)
    estimate = plan_run(config, accelerator_of(train, run.cpu), gpu_memory)
    if out is not None:
        atomic_write_json(out / PLAN, estimate.to_json())
    typer.echo(json_text(estimate.to_json()) if as_json else "\n".join(estimate.lines()))
