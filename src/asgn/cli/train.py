"""`asgn train`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from asgn.cli.options import Against, Data, Root, loss_option, model_changes, model_option, train_option, weights_given
from asgn.config import LossConfig, TrainConfig
from asgn.data.checks.image_origin import ImageLists
from asgn.data.datasets import open_dataset
from asgn.data.vocabulary import Vocabulary
from asgn.errors import UserError
from asgn.variants import Variant

DEFAULTS = TrainConfig()
LOSSES = LossConfig()


def train(
    variant: Annotated[str, typer.Argument(help="row name, such as R+LSTM+DE+SE+AT")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="folder of the run: checkpoints, metrics, TensorBoard")],
    root: Root = None,
    split: Annotated[str, typer.Option(help="split to train on")] = "train",
    val_split: Annotated[str, typer.Option(help="split to validate on")] = "val",
    resume: Annotated[bool, typer.Option("--resume", help="continue the run in --out")] = False,
    weights: Annotated[
        str, typer.Option(help="backbone weights: default, random, or a file; for MN two: M_FILE,N_FILE")
    ] = "default",
    start_from: Annotated[str | None, typer.Option(help="trained model to begin with: its weights and words")] = None,
    vocabulary: Annotated[Path | None, typer.Option(help="word list; default: the training words")] = None,
    word_vectors: Annotated[
        Path | None, typer.Option(help="table of word vectors, .safetensors or GloVe's text: words known by meaning")
    ] = None,
    against: Against = None,
    packed: Annotated[
        Path | None, typer.Option(help="folder of packed files: the split is packed there once, then read undecoded")
    ] = None,
    allow_leak: Annotated[bool, typer.Option("--allow-leak", help="train on evaluation images, and say so")] = False,
    steps: Annotated[int, train_option("steps", min=1)] = DEFAULTS.steps,
    batch_size: Annotated[int, train_option("batch_size", min=1)] = DEFAULTS.batch_size,
    micro_batch: Annotated[int, train_option("micro_batch", min=0)] = DEFAULTS.micro_batch,
    phrases_per_image: Annotated[int, train_option("phrases_per_image", min=1)] = DEFAULTS.phrases_per_image,
    learning_rate: Annotated[float, train_option("learning_rate")] = DEFAULTS.learning_rate,
    backbone_learning_rate: Annotated[float, train_option("backbone_learning_rate")] = DEFAULTS.backbone_learning_rate,
    beta1: Annotated[float, train_option("beta1")] = DEFAULTS.beta1,
    schedule: Annotated[Literal["fixed", "poly"], train_option("schedule")] = DEFAULTS.schedule,
    warmup_steps: Annotated[int, train_option("warmup_steps")] = DEFAULTS.warmup_steps,
    finetune: Annotated[bool, train_option("finetune", "--finetune")] = DEFAULTS.finetune,
    flip: Annotated[bool, train_option("flip", "--flip")] = DEFAULTS.flip,
    augment: Annotated[bool, train_option("augment", "--augment")] = DEFAULTS.augment,
    seed: Annotated[int, train_option("seed")] = DEFAULTS.seed,
    validate_every: Annotated[int, train_option("validate_every")] = DEFAULTS.validate_every,
    validation_limit: Annotated[int, train_option("validation_limit")] = DEFAULTS.validation_limit,
    checkpoint_every: Annotated[int, train_option("checkpoint_every")] = DEFAULTS.checkpoint_every,
    precision: Annotated[Literal["no", "bf16", "fp16"], train_option("precision")] = DEFAULTS.precision,
    workers: Annotated[int, train_option("workers", min=0)] = DEFAULTS.workers,
    ce_weight: Annotated[float, loss_option("ce_weight")] = LOSSES.ce_weight,
    ce_reduction: Annotated[Literal["sum", "mean"], loss_option("ce_reduction")] = LOSSES.ce_reduction,
    weight_decay: Annotated[float, loss_option("weight_decay")] = LOSSES.weight_decay,
    adversarial_form: Annotated[
        Literal["non-saturating", "minimax"], loss_option("adversarial_form")
    ] = LOSSES.adversarial_form,
    real_masks: Annotated[Literal["literal", "matched"], loss_option("real_masks")] = LOSSES.real_masks,
    image_size: Annotated[int | None, model_option("image_size")] = None,
    semantic_input: Annotated[Literal["prob", "logit", "feat"], model_option("semantic_input")] = "prob",
    cpu: Annotated[bool, typer.Option("--cpu", help="use no accelerator even where there is one")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress line")] = False,
) -> None:
    """Train a row of the paper's tables.

    Example: asgn train M+LSTM+DE+SE+AT --data own --root my-photos --out runs/mine --steps 5000 --batch-size 8
    """
    row = Variant.parse(variant)
    if row.densecrf:
        raise UserError(f"dense CRF is not trained: train {row.without_densecrf()} and evaluate it with --densecrf")
    train_config = TrainConfig(
        steps=steps,
        batch_size=batch_size,
        micro_batch=micro_batch,
        phrases_per_image=phrases_per_image,
        learning_rate=learning_rate,
        backbone_learning_rate=backbone_learning_rate,
        beta1=beta1,
        schedule=schedule,
        warmup_steps=warmup_steps,
        finetune=finetune,
        flip=flip,
        augment=augment,
        seed=seed,
        validate_every=validate_every,
        validation_limit=validation_limit,
        checkpoint_every=checkpoint_every,
        precision=precision,
        workers=workers,
    )
    losses = LossConfig(ce_weight, ce_reduction, weight_decay, adversarial_form, real_masks)
    changes = {"semantic_input": semantic_input} | model_changes(image_size)

    import torch
    from accelerate import Accelerator

    from asgn.data.files.word_vectors import read_word_vectors
    from asgn.experiments.runs.assembly import RunPlan
    from asgn.experiments.runs.summary import summary_line
    from asgn.experiments.runs.train import train_run

    plan = RunPlan(
        variant=row,
        train_data=open_dataset(data, root, split, seed=0),
        validation_data=open_dataset(data, root, val_split, seed=0),
        folder=out,
        train=train_config,
        losses=losses,
        model_changes=changes,
        vocabulary=None if vocabulary is None else Vocabulary.read(vocabulary),
        word_vectors=None if word_vectors is None else read_word_vectors(word_vectors),
        weights=weights_given(weights),
        start_from=start_from,
        packed=packed,
        image_lists=ImageLists.parse(against or [], root),
        allow_leak=allow_leak,
        resume=resume,
        quiet=quiet,
    )
    if precision == "fp16" and (cpu or not torch.cuda.is_available()):
        raise UserError("--precision fp16 cannot be used here (it needs a GPU): try another, such as bf16")
    accelerator = Accelerator(cpu=cpu, mixed_precision=precision)
    is_complete = train_run(plan, accelerator)
    if accelerator.is_main_process:
        typer.echo(summary_line(out))
        if is_complete:
            typer.echo(f"trained {row}: {out / 'best.safetensors'}")
        else:
            typer.echo(f"stopped; the state is saved: repeat the command with --resume to go on in {out}", err=True)
    if not is_complete:
        raise typer.Exit(130)
