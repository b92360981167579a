"""Iterate, log, validate, save. The step itself is in step.py."""

import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch

from asgn.checkpoint import save_model
from asgn.config import TrainConfig
from asgn.data.types import Batch
from asgn.errors import UserError
from asgn.training.distributed import in_any_process, number_of_processes
from asgn.training.optimizers import set_learning_rate
from asgn.training.recorder import Reading, Recorder
from asgn.training.state import TrainingState
from asgn.training.step import Step

BEST, LAST, PREVIOUS = "best.safetensors", "last.safetensors", "previous.safetensors"
LOG_EVERY = 20
MAX_BAD_READINGS = 5
"""Readings in a row with more steps skipped than taken after which the run stops."""

REPEATED_SIGNAL_SECONDS = 2.0
"""A signal so soon after the first is the same one: launchers pass on to processes what those got themselves."""

Validate = Callable[[int], dict[str, float]]
"""Scores of the model after a step; `oIoU` among them decides which checkpoint is best."""


class DivergedError(UserError):
    """Training went on producing losses or gradients that are not finite."""


def run_loop(
    state: TrainingState,
    take_step: Step,
    batches: Iterable[Batch],
    config: TrainConfig,
    folder: Path | None,
    recorder: Recorder,
    validate: Validate,
    device: torch.device,
) -> bool:
    """Train from `state.step` to the end. Returns False if a signal stopped it early, its state saved.

    Several processes go through it in step and all give the same; only the main one has a `folder` to save to.

    Raises:
        DivergedError: most steps had to be skipped for long.
        OutputError: a checkpoint cannot be written; the one before it is whole.
    """
    bad_readings = 0
    with stop_on_signals() as stopped:
        for batch in batches:
            for optimizer in (state.optimizer, state.discriminator_optimizer):
                if optimizer is not None:
                    set_learning_rate(optimizer, state.step, config)
            report = take_step(batch.to(device))
            recorder.add(report, number_of_processes() * len(batch.lengths), number_of_processes() * len(batch.images))
            state.step += 1
            if state.average is not None:
                state.average.follow(state.step)
            if state.step % LOG_EVERY == 0 or state.step == config.steps:
                reading = recorder.read(state.step)
                bad_readings = bad_readings + 1 if 2 * reading.skipped > reading.steps else 0
                if bad_readings == MAX_BAD_READINGS:
                    raise DivergedError(_diagnosis(reading, state.step - LOG_EVERY * bad_readings))
            if is_due(state.step, config.validate_every, config.steps):
                _validate_and_keep_best(state, validate, recorder, folder)
            stops = in_any_process(stopped())
            if is_due(state.step, config.checkpoint_every, config.steps) or stops:
                save_state(state, folder)
            if stops:
                return state.step == config.steps
    return True


def _diagnosis(last: Reading, since: int) -> str:
    """One line on a run whose steps are skipped since about step `since`."""
    facts = f"most steps since about step {since} were skipped: not finite were {', '.join(last.broken)}"
    if "ce" in last.broken:
        return f"{facts}; look for broken samples with `asgn data verify`, or lower --learning-rate"
    return f"{facts}, while the cross entropy is; lower --learning-rate, or choose --precision bf16 or no"


def is_due(step: int, every: int, last: int) -> bool:
    """Whether something done every N steps, and at the end, is done after `step`."""
    return step == last or (every > 0 and step % every == 0)


def save_state(state: TrainingState, folder: Path | None) -> None:
    """Write the newest state; the one before it is kept."""
    if folder is not None:
        state.save(folder / LAST, keep_as=folder / PREVIOUS)


def _validate_and_keep_best(state: TrainingState, validate: Validate, recorder: Recorder, folder: Path | None) -> None:
    scores = validate(state.step)
    recorder.write(state.step, "validation", scores)
    score = scores.get("oIoU")  # none where nothing was there to be found
    if score is not None and (state.best_score is None or score > state.best_score):
        state.best_score = score
        if folder is not None:
            save_model(folder / BEST, state.evaluated)
    recorder.restart_clock()


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Turn SIGINT and SIGTERM into a question the loop asks after each step; a second signal ends at once."""
    received: list[float] = []

    def remember(number: int, frame: FrameType | None) -> None:
        del number, frame
        now = time.monotonic()
        if received and now - received[0] > REPEATED_SIGNAL_SECONDS:
            raise KeyboardInterrupt
        received.append(now)

    handled = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, remember) for number in handled}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
