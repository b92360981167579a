"""The one place where data, model, training and evaluation are put together."""

import dataclasses
import errno
import logging
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from asgn import __version__
from asgn.checkpoint import Model
from asgn.data.loading.batches import batch_loader
from asgn.errors import CheckpointError, OutputError, UserError
from asgn.experiments.runs.assembly import RunConfig, build_state, build_step, training_stream
from asgn.experiments.runs.leaks import check_leaks, with_start
from asgn.experiments.runs.scoring import evaluate
from asgn.experiments.runs.summary import Session
from asgn.experiments.runs.validation_panel import ValidationPanel
from asgn.files import atomic_write_json, ensure_writable_folder, remove_leftovers
from asgn.inference.segmenter import Segmenter
from asgn.training.balance import BalanceWatch
from asgn.training.distributed import share_of_batch
from asgn.training.loop import LAST, PREVIOUS, run_loop
from asgn.training.recorder import Recorder
from asgn.training.state import TrainingState

_LOG = logging.getLogger(__name__)

_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""Of a full or failing disk, which metrics and TensorBoard meet too."""


def train_run(plan: RunConfig, accelerator: Accelerator) -> bool:
    """Train as configured; returns False if a signal stopped the run early.

    Raises:
        UserError: the folder holds another run, the data or weights cannot be read, or the run diverged.
    """
    for _, size in plan.batch_sizes:
        share_of_batch(size, accelerator.num_processes)
    if (plan.train_data.name, plan.train_data.split) == ("referit", "train"):
        _LOG.warning("the paper trains on ReferIt's trainval, of which train is nine tenths: --split trainval does so")
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
    state.to(accelerator.device)
    loader = batch_loader(training_stream(plan, state, accelerator), state.step, plan.train.workers)
    step = build_step(state, plan, accelerator)
    folder = plan.folder if accelerator.is_main_process else None
    watch = BalanceWatch(plan.losses.real_masks)
    session.begin(state.step)
    try:
        with Recorder(folder, plan.train.steps, state.step, plan.quiet, watch) as recorder:
            is_complete = run_loop(
                state=state,
                take_step=step,
                batches=loader,
                config=plan.train,
                folder=folder,
                recorder=recorder,
                validate=_validation(plan, state.evaluated, accelerator.device, recorder, folder),
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


def _validation(
    plan: RunConfig, model: Model, device: torch.device, recorder: Recorder, folder: Path | None
) -> Callable[[int], dict[str, float]]:
    """Scores of all processes; the main one, which has a folder, draws the panel too."""
    panel = None if folder is None else ValidationPanel(plan.validation_data, folder)

    def validate(step: int) -> dict[str, float]:
        if panel is not None:
            recorder.show(step, "panel", panel.draw(model, device, step))
        limit = plan.train.validation_limit or None
        summary = evaluate(Segmenter(model, device), plan.validation_data, limit=limit).scores.summary()
        return {name: value for name, value in summary.items() if isinstance(value, float) or name == "expressions"}

    return validate


def _check_folder(plan: RunConfig, is_main: bool) -> None:
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
