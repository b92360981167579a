"""The one place where data, model, training and evaluation are put together."""

import dataclasses
import errno
import logging
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import distributed

from asgn import __version__
from asgn.checkpoint import Model, load_model
from asgn.config import LossConfig, ModelConfig, TrainConfig, to_json
from asgn.data.batches import BatchStream, batch_loader
from asgn.data.provenance import ImageLists
from asgn.data.sample import Expression, ReferringDataset
from asgn.data.vocabulary import Vocabulary
from asgn.errors import CheckpointError, OutputError, UserError
from asgn.evaluation.evaluate import Evaluation, KeepMask, Progress, Share, evaluate
from asgn.experiments.leaks import check_leaks, leak_stamp_of, with_start
from asgn.experiments.packing import packed_split
from asgn.experiments.panel import ValidationPanel
from asgn.experiments.run_summary import Session
from asgn.experiments.warm_start import extended_vocabulary, load_start
from asgn.files import atomic_write_json, ensure_writable_folder, remove_leftovers
from asgn.inference.segmenter import Segmenter
from asgn.models.build import build_generator
from asgn.models.discriminator import Discriminator
from asgn.models.pretrained import Weights, load_backbone_weights
from asgn.training.accumulation import PartwiseAdversarialStep, PartwiseSupervisedStep
from asgn.training.balance import BalanceWatch
from asgn.training.distributed import accept_either_layout, share_of_batch
from asgn.training.loop import LAST, PREVIOUS, run_loop
from asgn.training.optimizers import discriminator_optimizer, generator_optimizer
from asgn.training.recorder import Recorder
from asgn.training.snle import PixelLoss, StagedStep, pixel_scale, snle_optimizer
from asgn.training.state import TrainingState
from asgn.training.step import AdversarialStep, GridLoss, Step, SupervisedStep
from asgn.variants import Variant

_LOG = logging.getLogger(__name__)

_DRAWN_TEXTS = 3200

_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""Of a full or failing disk, which metrics and TensorBoard meet too."""

FREE_TO_CHANGE = {"steps", "workers", "micro_batch", "validate_every", "validation_limit", "checkpoint_every"}
"""Settings that a resumed run may give anew: none of them changes a step, but for rounding."""


@dataclass(frozen=True)
class RunPlan:
    """One training run."""

    variant: Variant
    train_data: ReferringDataset
    validation_data: ReferringDataset
    folder: Path
    train: TrainConfig = field(default_factory=TrainConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    model_changes: dict[str, Any] = field(default_factory=dict)
    """Fields of ModelConfig that differ from the variant's own."""
    vocabulary: Vocabulary | None = None
    """None builds one from the training expressions."""
    weights: Weights = "default"
    start_from: Path | None = None
    """A trained model whose weights and words the run begins with."""
    packed: Path | None = None
    """Folder of packed files, where the training split is packed on first use; None decodes it anew each time."""
    image_lists: ImageLists = field(default_factory=ImageLists)
    """Where the evaluation images are named that the training images are compared with."""
    allow_leak: bool = False
    resume: bool = False
    quiet: bool = False


def train_run(plan: RunPlan, accelerator: Accelerator) -> bool:
    """Train as planned; gives False where a signal stopped the run early.

    Raises:
        UserError: the folder holds another run, the data or weights cannot be read, or the run diverged.
    """
    share_of_batch(plan.train.batch_size, accelerator.num_processes)
    _check_folder(plan, accelerator.is_main_process)
    backbone = None if plan.weights == "random" else plan.variant.backbone
    leaks = check_leaks(plan.train_data, plan.image_lists, backbone, plan.allow_leak)
    torch.manual_seed(plan.train.seed)
    session = Session(accelerator.device)
    with accelerator.main_process_first():  # which may have to fetch weights
        state = build_state(plan)
    state.model.provenance["leaks"] = with_start(leaks, state.model.provenance).to_json()
    state.scaler = accelerator.scaler
    if plan.resume:
        with accelerator.main_process_first():  # which may set a damaged file aside
            restore_newest(state, plan.folder)
    elif accelerator.is_main_process:
        atomic_write_json(plan.folder / "run.json", _description(state))
    state.model.generator.to(accelerator.device)
    loader = batch_loader(training_stream(plan, state, accelerator), state.step, plan.train.workers)
    step = build_step(state, plan, accelerator)
    folder = plan.folder if accelerator.is_main_process else None
    watch = BalanceWatch(plan.losses.real_masks)
    session.begin(state.step)
    try:
        with Recorder(folder, plan.train.steps, state.step, plan.train.batch_size, plan.quiet, watch) as recorder:
            is_complete = run_loop(
                state=state,
                take_step=step,
                batches=loader,
                config=plan.train,
                folder=folder,
                recorder=recorder,
                validate=_validation(plan, state.model, accelerator.device, recorder, folder),
                device=accelerator.device,
            )
        if folder is not None:
            session.write_summary(folder, state, plan.train)
        return is_complete
    except OutputError as error:
        raise OutputError(f"{error}; {_way_on(plan.folder)}") from error
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        raise OutputError(f"cannot write to {plan.folder}: {error.strerror}; {_way_on(plan.folder)}") from error


def build_state(plan: RunPlan) -> TrainingState:
    """Networks with their first weights, and their optimisers."""
    source = None if plan.start_from is None else load_model(plan.start_from)
    vocabulary = plan.vocabulary or extended_vocabulary(
        None if source is None else source.vocabulary, (item.text for item in _texts(plan.train_data))
    )
    config = ModelConfig.for_variant(plan.variant, len(vocabulary), **plan.model_changes)
    generator = build_generator(config).to(memory_format=torch.channels_last)
    discriminator = Discriminator().to(memory_format=torch.channels_last) if plan.variant.adversarial else None
    provenance: dict[str, Any] = {}
    if source is not None:
        provenance |= load_start(generator, vocabulary, source, str(plan.start_from))
    elif not plan.resume:
        provenance["backbone"] = to_json(load_backbone_weights(generator, plan.variant, plan.weights))
    generator.freeze_backbone(not plan.train.finetune)
    is_snle = plan.variant.backbone == "SNLE"
    provenance["data"] = data_description(plan.train_data)
    return TrainingState(
        model=Model(generator, config, vocabulary, provenance),
        optimizer=snle_optimizer(generator) if is_snle else generator_optimizer(generator, plan.train),
        discriminator=discriminator,
        discriminator_optimizer=None if discriminator is None else discriminator_optimizer(discriminator, plan.train),
        settings=run_settings(plan),
    )


def run_settings(plan: RunPlan) -> dict[str, Any]:
    """What a run keeps in its checkpoints as JSON values, and must find there again to go on."""
    return {
        "train": {name: value for name, value in to_json(plan.train).items() if name not in FREE_TO_CHANGE},
        "losses": to_json(plan.losses),
        "data": data_description(plan.train_data),
    }


def build_step(state: TrainingState, plan: RunPlan, accelerator: Accelerator) -> Step:
    """The step that the variant asks for: AT decides, after the warm-up; SNLE has stages of its own."""
    network = state.model.generator
    is_snle, is_adversarial = plan.variant.backbone == "SNLE", state.discriminator is not None
    scale, rate = pixel_scale(network, state.model.config.image_size, plan.losses, is_adversarial)
    segmentation = PixelLoss(network, scale) if is_snle else GridLoss(network, plan.losses)
    accept_either_layout()
    generator, optimizer = accelerator.prepare(network, state.optimizer)
    whole = SupervisedStep(accelerator, generator, optimizer, segmentation)
    parts = plan.train.micro_batch
    is_in_parts = 0 < parts < plan.train.batch_size // accelerator.num_processes
    supervised: Step = PartwiseSupervisedStep(whole, parts) if is_in_parts else whole
    step = supervised
    if is_adversarial:
        judge, its_optimizer = accelerator.prepare(state.discriminator, state.discriminator_optimizer)
        both = AdversarialStep(accelerator, generator, optimizer, judge, its_optimizer, segmentation, plan.losses)
        step = PartwiseAdversarialStep(both, parts) if is_in_parts else both
    if is_snle:
        return StagedStep(network, state.optimizer, step, rate, plan.train.steps, lambda: state.step)
    return lambda batch: (supervised if state.step < plan.train.warmup_steps else step)(batch)


def restore_newest(state: TrainingState, folder: Path) -> None:
    """Continue from the newest state that is whole; a damaged one is set aside.

    Raises:
        CheckpointError: there is none, or it belongs to another run.
    """
    newest, before = folder / LAST, folder / PREVIOUS
    if not newest.exists() and not before.exists():
        raise CheckpointError(f"nothing to resume in {folder}: leave --resume out to start a run there")
    try:
        state.restore(newest if newest.exists() else before)
    except CheckpointError:
        if not before.exists():
            raise
        state.restore(before)
        aside = newest.replace(folder / "damaged.safetensors")
        _LOG.warning("%s is damaged and was set aside as %s; the run goes on from step %d", newest, aside, state.step)


def evaluate_model(
    model: Model,
    data: ReferringDataset,
    *,
    device: torch.device,
    protocol: str = "clean",
    densecrf: bool = False,
    control_seed: int | None = None,
    limit: int | None = None,
    keep_mask: KeepMask | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score a model on a split (see `evaluate`); several processes share its images, and all get the scores."""
    segmenter = Segmenter(model, device, densecrf)
    return evaluate(
        lambda image, phrases: segmenter.predict_masks(image, phrases, protocol),
        data,
        protocol=protocol,
        control_seed=control_seed,
        limit=limit,
        leak_stamp=leak_stamp_of(model, data),
        keep_mask=keep_mask,
        share=own_share(),
        progress=progress,
    )


def own_share() -> Share:
    """This process's part of an evaluation."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return Share()
    return Share(distributed.get_rank(), distributed.get_world_size(), gather_object)


def data_description(data: ReferringDataset) -> dict[str, Any]:
    """What a checkpoint says of the data it was trained on."""
    return {"name": data.name, "split": data.split, "fingerprint": data.fingerprint()}


def _texts(data: ReferringDataset) -> Sequence[Expression]:
    """The expressions whose words a run knows; drawn scenes use few, all of which a part of them shows."""
    return data.expressions[:_DRAWN_TEXTS] if data.name == "synthetic" else data.expressions


def training_stream(plan: RunPlan, state: TrainingState, accelerator: Accelerator) -> BatchStream:
    """The batches of a run that this process takes."""
    data, side = plan.train_data, state.model.config.image_size
    return BatchStream(
        data if plan.packed is None else packed_split(data, plan.packed, side, accelerator, plan.quiet),
        state.model.vocabulary,
        side=side,
        batch_size=plan.train.batch_size,
        steps=plan.train.steps,
        seed=plan.train.seed,
        phrases_per_image=plan.train.phrases_per_image,
        flip=plan.train.flip,
        augment=plan.train.augment,
        process=accelerator.process_index,
        processes=accelerator.num_processes,
    )


def _validation(
    plan: RunPlan, model: Model, device: torch.device, recorder: Recorder, folder: Path | None
) -> Callable[[int], dict[str, float]]:
    """Scores of all processes; the main one, which has a folder, draws the panel too."""
    panel = None if folder is None else ValidationPanel(plan.validation_data, folder)

    def validate(step: int) -> dict[str, float]:
        if panel is not None:
            recorder.show(step, "panel", panel.draw(model, device, step))
        limit = plan.train.validation_limit or None
        summary = evaluate_model(model, plan.validation_data, device=device, limit=limit).scores.summary()
        return {name: value for name, value in summary.items() if isinstance(value, float)}

    return validate


def _check_folder(plan: RunPlan, is_main: bool) -> None:
    ensure_writable_folder(plan.folder)
    if is_main:
        remove_leftovers(plan.folder)
    if not plan.resume and ((plan.folder / LAST).exists() or (plan.folder / PREVIOUS).exists()):
        raise UserError(f"{plan.folder} already holds a run: add --resume to continue it, or choose another --out")


def _way_on(folder: Path) -> str:
    """What to do after the disk refused a run's files."""
    if (folder / LAST).exists() or (folder / PREVIOUS).exists():
        return "the last checkpoint is whole: make room there, then repeat the command with --resume"
    return "no checkpoint had been written yet: make room there, or choose another --out"


def _description(state: TrainingState) -> dict[str, Any]:
    environment = {"asgn": __version__, "torch": torch.__version__, "python": platform.python_version()}
    return {
        "model": dataclasses.asdict(state.model.config),
        "provenance": state.model.provenance,
        "environment": environment,
        **state.settings,
    }
