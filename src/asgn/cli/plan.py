"""`asgn plan`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from asgn.cli.options import Data, Json, Root, json_text, model_changes, train_option, weights_given
from asgn.config import TrainConfig
from asgn.data.datasets import open_dataset
from asgn.data.vocabulary import Vocabulary
from asgn.errors import UserError
from asgn.variants import Variant

DEFAULTS = TrainConfig()


def plan(
    variant: Annotated[str, typer.Argument(help="row name, such as R+LSTM+DE+SE+AT")],
    data: Data,
    root: Root = None,
    split: Annotated[str, typer.Option(help="split to train on")] = "train",
    val_split: Annotated[str, typer.Option(help="split to validate on")] = "val",
    gpu_memory: Annotated[
        float | None, typer.Option(min=0.1, help="GiB of the GPU to train on: find the largest micro-batch that fits")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="folder of the run: plan.json, which its summary is set against")
    ] = None,
    weights: Annotated[str, typer.Option(help="backbone weights: random, default, or a file")] = "random",
    vocabulary: Annotated[Path | None, typer.Option(help="word list; default: the training words")] = None,
    packed: Annotated[Path | None, typer.Option(help="folder of packed files, filled if needed")] = None,
    steps: Annotated[int, train_option("steps", min=1)] = DEFAULTS.steps,
    batch_size: Annotated[int, train_option("batch_size", min=1)] = DEFAULTS.batch_size,
    micro_batch: Annotated[int, train_option("micro_batch", min=0)] = DEFAULTS.micro_batch,
    phrases_per_image: Annotated[int, train_option("phrases_per_image", min=1)] = DEFAULTS.phrases_per_image,
    warmup_steps: Annotated[int, train_option("warmup_steps", min=0)] = DEFAULTS.warmup_steps,
    finetune: Annotated[bool, train_option("finetune", "--finetune")] = DEFAULTS.finetune,
    validate_every: Annotated[int, train_option("validate_every", min=0)] = DEFAULTS.validate_every,
    validation_limit: Annotated[int, train_option("validation_limit", min=0)] = DEFAULTS.validation_limit,
    checkpoint_every: Annotated[int, train_option("checkpoint_every", min=0)] = DEFAULTS.checkpoint_every,
    precision: Annotated[Literal["no", "bf16", "fp16"], train_option("precision")] = DEFAULTS.precision,
    workers: Annotated[int, train_option("workers", min=0)] = DEFAULTS.workers,
    image_size: Annotated[int | None, typer.Option(help="side in pixels of the square input")] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="use no accelerator even where there is one")] = False,
    as_json: Json = False,
) -> None:
    """Measure some of a run's own steps, and say what it will take: samples/s, hours, memory, micro-batch.

    Example: asgn plan R+LSTM+DE+SE+AT --data unc --root data --batch-size 64 --steps 12000 --gpu-memory 24
    """
    row = Variant.parse(variant)
    if row.densecrf:
        raise UserError(f"dense CRF is not trained: plan {row.without_densecrf()}")
    train = TrainConfig(
        steps=steps,
        batch_size=batch_size,
        micro_batch=micro_batch,
        phrases_per_image=phrases_per_image,
        warmup_steps=warmup_steps,
        finetune=finetune,
        validate_every=validate_every,
        validation_limit=validation_limit,
        checkpoint_every=checkpoint_every,
        precision=precision,
        workers=workers,
    )

    from accelerate import Accelerator

    from asgn.experiments.planning.estimate import plan_run
    from asgn.experiments.runs.assembly import RunPlan
    from asgn.experiments.runs.summary import PLAN
    from asgn.files import atomic_write_json, ensure_writable_folder

    run = RunPlan(
        variant=row,
        train_data=open_dataset(data, root, split, seed=0),
        validation_data=open_dataset(data, root, val_split, seed=0),
        folder=Path() if out is None else ensure_writable_folder(out),
        train=train,
        model_changes=model_changes(image_size),
        vocabulary=None if vocabulary is None else Vocabulary.read(vocabulary),
        weights=weights_given(weights),
        packed=packed,
        quiet=True,
    )
    estimate = plan_run(run, Accelerator(cpu=cpu, mixed_precision=precision), gpu_memory)
    if out is not None:
        atomic_write_json(out / PLAN, estimate.to_json())
    typer.echo(json_text(estimate.to_json()) if as_json else "\n".join(estimate.lines()))
