"""The options made from fields of settings: all there, with the defaults they always had, and within their limits."""

import math
import re
from dataclasses import fields

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asgn.cli.main import app
from asgn.config import LossConfig, ModelConfig, TrainConfig
from asgn.errors import UserError
from asgn.experiments.runs import train as train_module

SETTINGS = {
    "steps": 750_000, "batch-size": 1, "micro-batch": 0, "phrases-per-image": 1, "learning-rate": 2.5e-4,
    "backbone-learning-rate": 2.5e-5, "beta1": 0.9, "beta2": 0.999, "schedule": "fixed", "warmup-steps": 0,
    "finetune": False, "flip": False, "augment": False, "validate-every": 1000, "validation-limit": 0,
    "checkpoint-every": 1000, "precision": "no", "workers": 2, "ce-weight": 0.1, "ce-reduction": "sum",
    "weight-decay": 5e-4, "adversarial-form": "non-saturating", "real-masks": "literal", "image-size": None,
    "embedding-size": None, "language-size": None, "visual-size": None, "fusion-size": None, "detail-size": None,
    "semantic-input": None, "dilation": None, "vit-name": None,
}  # fmt: skip
"""Those of every command that trains; None where each row has its own."""

OWN = {
    "train": {
        "data": None, "root": None, "split": "train", "val-split": "val", "out": None, "resume": False, "seed": 0,
        "weights": "default", "start-from": None, "vocabulary": None, "word-vectors": None, "against": None,
        "packed": None, "cached-features": None, "allow-leak": False, "cpu": False, "quiet": False,
    },
    "plan": {
        "data": None, "root": None, "split": "train", "val-split": "val", "gpu-memory": None, "out": None, "seed": 0,
        "weights": "random", "vocabulary": None, "packed": None, "cpu": False, "json": False,
    },
    "reproduce": {
        "data": None, "root": None, "out": None, "runs": None, "backbone": None, "rows": None, "splits": None,
        "seeds": "0", "dry-run": False, "weights": "default", "vocabulary": None, "against": None, "packed": None,
        "allow-leak": False, "features": "alexnet", "weights-features": None, "panels": 6, "protocol": "clean",
        "limit": None, "cpu": False, "verbose": False, "validate-every": None, "checkpoint-every": None,
        "cached-features": None, "paired": False,
    },
}  # fmt: skip
"""What each command has beside them, or with another default."""

NUMBERS = [
    item
    for config in (TrainConfig, LossConfig, ModelConfig)
    for item in fields(config)
    if item.type in (int, float) and item.metadata["is_option"]
]


def options_of(command: str) -> dict[str, object]:
    """Names without dashes in front, and defaults."""
    found = typer.main.get_command(app).commands[command].params
    return {one.opts[0].removeprefix("--"): one.default for one in found if one.opts[0].startswith("--")}


@pytest.mark.parametrize("command", OWN)
def test_every_option_is_there_with_its_default(command):
    found = options_of(command)
    assert {**SETTINGS, **OWN[command]}.items() <= found.items()
    every = [item for config in (TrainConfig, LossConfig, ModelConfig) for item in fields(config)]
    named = {item.name.replace("_", "-") for item in every if item.metadata["is_option"]}
    left_out = {"seed"} if command == "reproduce" else set()
    assert found.keys() == named - left_out | OWN[command].keys() | {"help"} & found.keys()


@pytest.mark.parametrize("item", NUMBERS, ids=lambda item: item.name)
def test_every_number_has_limits_that_hold_its_default(item):
    limits = item.metadata["limits"]
    assert math.isfinite(limits.minimum)
    assert math.isfinite(limits.maximum)
    assert limits.hold(item.default)
    assert not limits.hold(math.nan)


class ReachedError(UserError):
    """Training would have begun."""


@given(
    item=st.sampled_from(NUMBERS),
    value=st.one_of(
        st.integers(-3, 3), st.integers(-(2**70), 2**70), st.integers(1, 300).map(lambda n: 16 * n),
        st.floats(), st.floats(-1, 2), st.sampled_from(["nan", "inf", "-inf", "1e10", "", "1_000", "0x10", "None"]),
    ),
)  # fmt: skip
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_number_ends_in_a_traceback_or_trains_with_what_cannot_be(asgn, monkeypatch, tmp_path, item, value):
    def begin(config, accelerator):
        accepted = {**config.train.to_json(), **config.losses.to_json(), **config.model_changes}[item.name]
        raise ReachedError(f"trains with {accepted!r}")

    monkeypatch.setattr(train_module, "train_run", begin)
    option = f"--{item.name.replace('_', '-')}"
    done = asgn("train", "M+LSTM+AT", "--data", "synthetic", "--out", tmp_path / "run", "--cpu", option, value)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert done.err.startswith("asgn: ")
    if "trains with" not in done.err:
        assert option in done.err
        return
    accepted = float(done.err.split()[-1])
    assert 0 <= accepted < 2**32
    assert float(str(value).replace("_", "")) == accepted
    if item.name in ("beta1", "beta2"):
        assert accepted < 1
    if item.name in ("steps", "batch_size", "phrases_per_image") or item.name.endswith("_size"):
        assert accepted >= 1
    if item.name in ("learning_rate", "backbone_learning_rate", "weight_decay"):
        assert accepted <= 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--learning-rate", "nan"), "--learning-rate nan cannot be used: give a number from 0 to 1"),
        (("--learning-rate", "1e10"), "--learning-rate 10000000000.0 cannot be used: give a number from 0 to 1"),
        (("--ce-weight", "nan"), "--ce-weight nan cannot be used: give a number from 0 to 10000"),
        (("--seed", "-1"), "--seed -1 cannot be used: give a whole number from 0 to 4294967295"),
        (("--beta1", "2"), "--beta1 2.0 cannot be used: give a number from 0 to below 1"),
        (("--validate-every", "-5"), "--validate-every -5 cannot be used: give a whole number from 0 to 1000000000"),
        (("--image-size", "100"), "--image-size 100 cannot be used: give a multiple of 16 from 32 to 4096"),
        (("--schedule", "cosine"), "Invalid value for '--schedule'"),
        (("--steps", "many"), "Invalid value for '--steps'"),
        (("--stepz", "1"), "No such option: --stepz"),
    ],
)
@pytest.mark.parametrize("command", ["train", "plan"])
def test_a_setting_that_cannot_be_is_one_line(asgn, tmp_path, command, arguments, line):
    done = asgn(command, "M+LSTM", "--data", "synthetic", "--out", tmp_path / "run", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"asgn: {line}")
    assert done.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_the_same_in_python_names_the_field():
    with pytest.raises(UserError, match=r"^learning_rate nan cannot be used: give a number from 0 to 1$"):
        TrainConfig(learning_rate=math.nan)
    with pytest.raises(UserError, match=r"^seed True cannot be used: give a whole number"):
        TrainConfig(seed=True)
    with pytest.raises(UserError, match=r"^schedule cosine cannot be used: give one of fixed, poly$"):
        TrainConfig(schedule="cosine")
    for row in ("SNLE", "N+LSTM", "MN+RMI"):
        with pytest.raises(UserError, match=rf"size 336 cannot be used by {re.escape(row)}: give a multiple of 32"):
            ModelConfig(row, image_size=336)
    with pytest.raises(UserError, match=r"^vit_name cannot be used by M\+LSTM: it is for V$"):
        ModelConfig("M+LSTM", vit_name="test_vit")


def test_snle_needs_a_cross_entropy_that_weighs_something(asgn, tmp_path):
    done = asgn("train", "SNLE+AT", "--data", "synthetic", "--out", tmp_path / "run", "--ce-weight", 0)
    assert done.code == 2
    assert done.err == (
        "asgn: ce_weight 0 cannot be used with SNLE+AT, whose learning rate it divides: give more than 0\n"
    )


def test_a_command_that_is_not_there_is_one_line(asgn):
    done = asgn("trane")
    assert (done.code, done.err) == (2, "asgn: No such command 'trane'. Did you mean 'train': see `asgn --help`\n")


def test_resuming_with_another_rate_names_that_alone(asgn, tmp_path):
    tiny = (
        "train", "M+LSTM", "--data", "synthetic", "--weights", "random", "--image-size", 64, "--embedding-size", 8,
        "--language-size", 8, "--visual-size", 8, "--fusion-size", 8, "--batch-size", 1, "--workers", 0, "--cpu",
        "--quiet", "--validation-limit", 1, "--out", tmp_path,
    )  # fmt: skip
    assert asgn(*tiny, "--steps", 1).code == 0
    done = asgn(*tiny, "--steps", 2, "--resume", "--learning-rate", 0.01)
    assert done.code == 2
    assert done.err == (
        f"asgn: {tmp_path}/last.safetensors belongs to a run with other settings: train.learning_rate was 0.00025 and "
        "is now 0.01; choose another --out\n"
    )
