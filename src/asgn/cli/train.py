"""`asgn train`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from asgn.cli.options import Against, RunOptions, with_settings
from asgn.config import LossConfig, ModelConfig, TrainConfig
from asgn.data.checks.image_origin import ImageLists


@dataclass(frozen=True)
class StartOptions:
    """What a run begins with and may train on."""

    weights: Annotated[
        str, typer.Option(help="backbone weights: default, random, or a file; for MN two: M_FILE,N_FILE")
    ] = "default"
    start_from: Annotated[str | None, typer.Option(help="trained model to begin with: its weights and words")] = None
    word_vectors: Annotated[
        Path | None, typer.Option(help="table of word vectors, .safetensors or GloVe's text: words known by meaning")
    ] = None
    against: Against = None
    cached_features: Annotated[
        Path | None, typer.Option(help="folder where a frozen backbone's features are kept, computed once per image")
    ] = None
    allow_leak: Annotated[bool, typer.Option("--allow-leak", help="train on evaluation images, and say so")] = False


@with_settings()
def train(
    variant: Annotated[str, typer.Argument(help="row name, such as R+LSTM+DE+SE+AT")],
    out: Annotated[Path, typer.Option("--out", help="folder of the run: checkpoints, metrics, TensorBoard")],
    run: RunOptions,
    train: TrainConfig,
    losses: LossConfig,
    model: Annotated[dict[str, Any], ModelConfig],
    start: StartOptions,
    resume: Annotated[bool, typer.Option("--resume", help="continue the run in --out")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress line")] = False,
) -> None:
    """Train a row of the paper's tables.

    Example: asgn train M+LSTM+DE+SE+AT --data own --root my-photos --out runs/mine --steps 5000 --batch-size 8
    """
    from asgn.data.files.word_vectors import read_word_vectors
    from asgn.experiments.runs.assembly import accelerator_of
    from asgn.experiments.runs.summary import summary_line
    from asgn.experiments.runs.train import train_run

    config = run.config(
        variant,
        out,
        start.weights,
        train=train,
        losses=losses,
        model_changes=model,
        start_from=start.start_from,
        word_vectors=None if start.word_vectors is None else read_word_vectors(start.word_vectors),
        cached_features=start.cached_features,
        image_lists=ImageLists.parse(start.against or [], run.root),
        allow_leak=start.allow_leak,
        resume=resume,
        quiet=quiet,
    )
    accelerator = accelerator_of(config.train, run.cpu)
    is_complete = train_run(config, accelerator)
    if accelerator.is_main_process:
        typer.echo(summary_line(out))
        if is_complete:
            typer.echo(f"trained {config.variant}: {out / 'best.safetensors'}")
        else:
            typer.echo(f"stopped; the state is saved: repeat the command with --resume to go on in {out}", err=True)
    if not is_complete:
        raise typer.Exit(130)
