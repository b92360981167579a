"""Rows that exist are taken, broken ones go on, failed ones are shown; nothing is trained twice."""

import dataclasses

import pytest

from asgn.checkpoint import read_header
from asgn.errors import CheckpointError, UserError
from asgn.experiments.reproduce import command as command_module
from asgn.experiments.reproduce import dry_run as dry_run_module
from asgn.experiments.reproduce import scores as scores_module
from asgn.experiments.reproduce import trained as trained_module
from asgn.experiments.reproduce.command import reproduce
from asgn.experiments.reproduce.config import open_splits
from asgn.experiments.reproduce.dry_run import dry_run
from asgn.experiments.reproduce.rows import NAMES
from asgn.experiments.reproduce.trained import check_same_run, stages_of
from asgn.training.recorder import read_metrics

ROWS = ("M+LSTM", "M+LSTM+AT")


def silent(line):
    del line


@pytest.fixture
def trainings(monkeypatch):
    """The variants trained, one entry for each call that took steps; a row named in `dies` ends the process."""
    calls, dies, true = [], {}, trained_module.train_run

    def train_run(plan, accelerator):
        if str(plan.variant) in dies:
            raise dies[str(plan.variant)]
        calls.append(str(plan.variant))
        return true(plan, accelerator)

    monkeypatch.setattr(trained_module, "train_run", train_run)
    calls_and_deaths = dataclasses.make_dataclass("Trainings", ["calls", "dies"])
    return calls_and_deaths(calls, dies)


def test_a_kill_between_rows_repeats_no_finished_row(config_of, trainings, tmp_path):
    config = config_of(runs=tmp_path / "runs", rows=ROWS, splits=("val",))
    trainings.dies["M+LSTM+AT"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        reproduce(config, silent)
    assert trainings.calls == ["M+LSTM"]
    trainings.dies.clear()
    assert reproduce(config, silent).failed == []
    assert trainings.calls == list(ROWS)


def test_finished_rows_are_read_from_their_results(config_of, trainings, monkeypatch, tmp_path):
    config = config_of(runs=tmp_path / "runs", rows=ROWS[:1], splits=("val",))
    first = reproduce(config, silent).files[1].read_text()
    monkeypatch.setattr(scores_module, "evaluate", lambda *_, **__: pytest.fail("scored again"))
    assert reproduce(config, silent).files[1].read_text() == first
    assert trainings.calls == ["M+LSTM"]
    monkeypatch.undo()


def test_what_holds_d_back_is_no_setting_of_a_row_without_it(config_of, trainings, tmp_path):
    paired = {"runs": tmp_path / "runs", "rows": ROWS[:2], "splits": ("val",), "is_paired": True, "steps": 3}
    reproduce(config_of(**paired), silent)
    assert trainings.calls == ["M+LSTM", "M+LSTM", "M+LSTM+AT"]
    config = config_of(**paired, discriminator_learning_rate=1e-4)
    losses = dataclasses.replace(config.settings.losses, real_label=0.9, ce_weight=0.2)
    config = dataclasses.replace(config, settings=dataclasses.replace(config.settings, losses=losses))
    assert reproduce(config, silent).failed == []
    assert trainings.calls[3:] == ["M+LSTM+AT"]


def test_another_limit_is_scored_anew(config_of, tmp_path):
    config = config_of(runs=tmp_path / "runs", rows=ROWS[:1], splits=("val",), limit=1)
    reproduce(config, silent)
    reproduce(config_of(runs=tmp_path / "runs", rows=ROWS[:1], splits=("val",), limit=2), silent)
    (stored,) = (config.runs / "synthetic-M+LSTM-seed0" / "scores").glob("*.json")
    assert '"images": 2' in stored.read_text()


def test_a_run_goes_on_from_its_checkpoint_and_never_back(config_of, tmp_path):
    config = config_of(runs=tmp_path / "runs", rows=ROWS[:1], splits=("val",), steps=1)
    reproduce(config, silent)
    longer = config_of(runs=tmp_path / "runs", rows=ROWS[:1], splits=("val",), steps=2)
    assert reproduce(longer, silent).failed == []
    lines = read_metrics(config.runs / "synthetic-M+LSTM-seed0" / "metrics.jsonl")
    assert [line["step"] for line in lines if line["kind"] == "train"] == [1, 2]
    (failure,) = reproduce(config, silent).failed
    assert "holds a run of 2 steps, not 1" in failure


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"learning_rate": 0.5}, "learning_rate was 0.00025"), ({"batch_size": 1}, "batch_size was 2 and is now 1")],
)
def test_a_run_of_other_settings_is_not_taken(changes, named, config_of, page_of):
    page_of(config_of(rows=ROWS[:1], splits=("val",)))
    (failure,) = reproduce(config_of(rows=ROWS[:1], splits=("val",), **changes), silent).failed
    assert named in failure
    assert "choose another --runs" in failure


def test_a_setting_younger_than_a_run_had_its_default(config_of, page_of):
    config = config_of(rows=ROWS[:1], splits=("val",))
    page_of(config)
    (stage,) = stages_of(config, config.rows[0], 0)
    plan = stage.run(config, open_splits(config))
    header = read_header(plan.folder / "last.safetensors")
    del header["training"]["settings"]["train"]["flip"]
    check_same_run(header, plan)
    with pytest.raises(CheckpointError, match="flip was False and is now True"):
        check_same_run(header, dataclasses.replace(plan, train=dataclasses.replace(plan.train, flip=True)))


@pytest.mark.parametrize(
    ("error", "line"),
    [(UserError("the disk is full"), "the disk is full"), (RuntimeError("out of memory\ntrace"), "RuntimeError: out")],
)
def test_a_failed_row_is_shown_and_the_others_go_on(error, line, config_of, trainings, tmp_path):
    config = config_of(runs=tmp_path / "runs", rows=ROWS, splits=("val",))
    trainings.dies["M+LSTM"] = error
    result = reproduce(config, silent)
    assert len(result.failed) == 1
    page = result.files[1].read_text()
    assert f"| M+LSTM | 0 | {line}" in page.split("## Failed")[1]
    assert "| M+LSTM | failed | - | - |" in page
    assert "| M+LSTM+AT | 1 | " in page


@pytest.mark.parametrize("what", NAMES)
def test_a_page_is_written_where_every_row_failed(what, config_of, monkeypatch, tmp_path):
    def fail(plan, accelerator):
        raise UserError("no such luck")

    monkeypatch.setattr(trained_module, "train_run", fail)
    monkeypatch.setattr(command_module, "open_network", lambda scoring: None)
    result = reproduce(config_of(what, runs=tmp_path / "runs", splits=("val",), seeds=(0, 1)), silent)
    runs = len(result.results.outcomes)
    assert len(result.failed) == runs
    assert result.files[1].read_text().count("no such luck") == runs


def test_a_dry_run_trains_nothing_and_counts_what_is_left(config_of, trainings, monkeypatch, tmp_path):
    half = config_of(runs=tmp_path / "runs", rows=ROWS[:1], splits=("val",), steps=2)
    reproduce(half, silent)
    trainings.calls.clear()
    monkeypatch.setattr(dry_run_module, "plan_hours", lambda plan, accelerator: 8.0)
    wanted = config_of(runs=tmp_path / "runs", rows=ROWS, splits=("val",), seeds=(0, 1), steps=4)
    lines = dry_run(wanted, silent)
    assert trainings.calls == []
    assert lines[0].endswith("2 rows x 2 seeds, each 4 steps of 2 = 8 samples seen")
    assert lines[1].split()[:7] == ["M+LSTM", "seed", "0", "2", "of", "4", "steps"]
    assert [line.split(" h ")[0].split()[-1] for line in lines[1:5]] == ["4.00", "8.00", "8.00", "8.00"]
    assert lines[5].startswith("in all ")
    assert "28.00 h" in lines[5]


def test_a_dry_run_measures_each_network_once_and_counts_each_run_once(config_of, monkeypatch, tmp_path):
    measured = []
    monkeypatch.setattr(dry_run_module, "plan_hours", lambda plan, accelerator: measured.append(str(plan.variant)) or 2)
    lines = dry_run(config_of("table5", runs=tmp_path / "runs", seeds=(0, 1)), silent)
    assert measured == ["M+LSTM", "M+LSTM+DE+SE+AT"]
    shared = [line for line in lines if line.startswith("M+LSTM+DCRF")]
    assert [line.endswith("the run of M+LSTM") for line in shared] == [True, True]
    assert "8.00 h" in lines[7]
    measured.clear()
    lines = dry_run(config_of("table6", runs=tmp_path / "runs"), silent)
    assert measured == ["M+LSTM+DE+SE+AT"]
    assert "6.00 h" in lines[4]
    assert lines[0].startswith("table6 on synthetic: 3 rows x 1 seed, each ")


def test_a_dry_run_takes_the_seeds_that_the_figure_does(config_of, monkeypatch, tmp_path):
    monkeypatch.setattr(dry_run_module, "plan_hours", lambda plan, accelerator: 1.0)
    for what, total in (("figure6", "2.00 h"), ("figure7", "4.00 h")):
        lines = dry_run(config_of(what, runs=tmp_path / "runs", seeds=(3, 4)), silent)
        assert total in next(line for line in lines if line.startswith("in all"))


def test_a_dry_run_says_which_row_does_not_fit(config_of, monkeypatch, tmp_path):
    def overflow(plan, accelerator):
        raise UserError("a batch of 2 overflows the GPU")

    monkeypatch.setattr(dry_run_module, "plan_hours", overflow)
    lines = dry_run(config_of("figure7", runs=tmp_path / "runs"), silent)
    assert "missing: M+LSTM: a batch of 2 overflows the GPU" in lines
    assert "hours unknown" in next(line for line in lines if line.startswith("in all"))


def test_a_dry_run_measures_true_steps(config_of, tmp_path):
    config = config_of(runs=tmp_path / "runs", rows=ROWS[:1], splits=("val",), steps=1)
    (line,) = [line for line in dry_run(config, silent) if line.startswith("M+LSTM")]
    assert "hours unknown" not in line
    assert not config.runs.exists()


def test_a_dry_run_names_what_is_missing(config_of, monkeypatch, tmp_path):
    monkeypatch.undo()
    places = {"runs": tmp_path / "runs", "root": tmp_path / "none", "weights": tmp_path / "no.pth"}
    config = config_of("table4", data="unc", **places)
    lines = dry_run(config, silent)
    assert any(line.startswith("missing: no folder") for line in lines)
    assert any(line.startswith("missing: no weights at") for line in lines)
    assert "hours unknown" in lines[1]
