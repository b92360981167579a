"""Iterate, log, validate, save. The step itself is in step.py."""

import math
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch

from asgn.checkpoint import save_model
from asgn.config import TrainConfig
from asgn.data.sample import Batch
from asgn.errors import UserError
from asgn.training.optimizers import set_learning_rate
from asgn.training.recorder import Recorder
from asgn.training.state import TrainingState
from asgn.training.step import Step

BEST, LAST, PREVIOUS = "best.safetensors", "last.safetensors", "previous.safetensors"
LOG_EVERY = 20
MAX_UNREADABLE_WINDOWS = 5
"""Readings in a row with a non-finite loss after which the run stops."""

Validate = Callable[[int], dict[str, float]]
"""Scores of the model after a step; `oIoU` among them decides which checkpoint is best."""


class DivergedError(UserError):
    """Training went on producing losses that are not finite."""


def run_loop(
    state: TrainingState,
    take_step: Step,
    batches: Iterable[Batch],
    config: TrainConfig,
    folder: Path,
    recorder: Recorder,
    validate: Validate,
    device: torch.device,
) -> bool:
    """Train from `state.step` to the end. Gives False where a signal stopped it early, its state saved."""
    bad_windows = 0
    with stop_on_signals() as stopped:
        for batch in batches:
            for optimizer in (state.optimizer, state.discriminator_optimizer):
                if optimizer is not None:
                    set_learning_rate(optimizer, state.step, config)
            recorder.add(take_step(batch.to(device)))
            state.step += 1
            if state.step % LOG_EVERY == 0 or state.step == config.steps:
                bad_windows = 0 if math.isfinite(recorder.read(state.step)["loss"]) else bad_windows + 1
                if bad_windows == MAX_UNREADABLE_WINDOWS:
                    raise DivergedError(
                        f"the loss has not been finite since about step {state.step - LOG_EVERY * bad_windows}: "
                        "look for broken samples with `asgn data verify`, or lower --learning-rate"
                    )
            if is_due(state.step, config.validate_every, config.steps):
                _validate_and_keep_best(state, validate, recorder, folder)
            if is_due(state.step, config.checkpoint_every, config.steps) or stopped():
                save_state(state, folder)
            if stopped():
                return state.step == config.steps
    return True


def is_due(step: int, every: int, last: int) -> bool:
    """Whether something done every so many steps, and at the end, is done after `step`."""
    return step == last or (every > 0 and step % every == 0)


def save_state(state: TrainingState, folder: Path) -> None:
    """Write the newest state; the one before it is kept."""
    state.save(folder / LAST, keep_as=folder / PREVIOUS)


def _validate_and_keep_best(state: TrainingState, validate: Validate, recorder: Recorder, folder: Path) -> None:
    scores = validate(state.step)
    recorder.write(state.step, "validation", scores)
    if state.best_score is None or scores["oIoU"] > state.best_score:
        state.best_score = scores["oIoU"]
        save_model(folder / BEST, state.model)
    recorder.restart_clock()


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Turn SIGINT and SIGTERM into a question the loop asks after each step; a second signal ends at once."""
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        del frame
        if received:
            raise KeyboardInterrupt
        received.append(number)

    handled = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, remember) for number in handled}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
