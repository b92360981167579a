"""Rows that exist are taken, broken ones go on, failed ones are shown; nothing is trained twice."""

import dataclasses

import pytest

from asgn.checkpoint import read_header
from asgn.errors import CheckpointError, UserError
from asgn.experiments.reproduce import dry_run as dry_run_module
from asgn.experiments.reproduce import runs as runs_module
from asgn.experiments.reproduce import scores as scores_module
from asgn.experiments.reproduce import separability_table
from asgn.experiments.reproduce.command import reproduce
from asgn.experiments.reproduce.dry_run import dry_run
from asgn.experiments.reproduce.rows import NAMES, rows_of
from asgn.experiments.reproduce.runs import check_same_run, run_plan
from asgn.experiments.reproduce.setting import open_splits
from asgn.training.recorder import read_metrics

ROWS = ("M+LSTM", "M+LSTM+AT")


def silent(line):
    del line


@pytest.fixture
def trainings(monkeypatch):
    """The variants trained, one entry for each call that took steps; a row named in `dies` ends the process."""
    calls, dies, true = [], {}, runs_module.train_run

    def train_run(plan, accelerator):
        if str(plan.variant) in dies:
            raise dies[str(plan.variant)]
        calls.append(str(plan.variant))
        return true(plan, accelerator)

    monkeypatch.setattr(runs_module, "train_run", train_run)
    calls_and_deaths = dataclasses.make_dataclass("Trainings", ["calls", "dies"])
    return calls_and_deaths(calls, dies)


def test_a_kill_between_rows_repeats_no_finished_row(setting_of, trainings, tmp_path):
    setting = setting_of(runs=tmp_path / "runs", rows=ROWS, splits=("val",))
    trainings.dies["M+LSTM+AT"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        reproduce("table2", setting, silent)
    assert trainings.calls == ["M+LSTM"]
    trainings.dies.clear()
    assert reproduce("table2", setting, silent).failed == []
    assert trainings.calls == list(ROWS)


def test_finished_rows_are_read_from_their_results(setting_of, trainings, monkeypatch, tmp_path):
    setting = setting_of(runs=tmp_path / "runs", rows=ROWS[:1], splits=("val",))
    first = reproduce("table2", setting, silent).files[1].read_text()
    monkeypatch.setattr(scores_module, "evaluate", lambda *_, **__: pytest.fail("scored again"))
    assert reproduce("table2", setting, silent).files[1].read_text() == first
    assert trainings.calls == ["M+LSTM"]
    monkeypatch.undo()


def test_another_limit_is_scored_anew(setting_of, tmp_path):
    setting = setting_of(runs=tmp_path / "runs", rows=ROWS[:1], splits=("val",), limit=1)
    reproduce("table2", setting, silent)
    reproduce("table2", dataclasses.replace(setting, limit=2), silent)
    (stored,) = (setting.runs / "synthetic-M+LSTM-seed0" / "scores").glob("*.json")
    assert '"images": 2' in stored.read_text()


def test_a_run_goes_on_from_its_checkpoint_and_never_back(setting_of, tmp_path):
    setting = setting_of(runs=tmp_path / "runs", rows=ROWS[:1], splits=("val",), steps=1)
    reproduce("table2", setting, silent)
    longer = dataclasses.replace(setting, train=dataclasses.replace(setting.train, steps=2))
    assert reproduce("table2", longer, silent).failed == []
    lines = read_metrics(setting.runs / "synthetic-M+LSTM-seed0" / "metrics.jsonl")
    assert [line["step"] for line in lines if line["kind"] == "train"] == [1, 2]
    (failure,) = reproduce("table2", setting, silent).failed
    assert "holds a run of 2 steps, not 1" in failure


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"learning_rate": 0.5}, "learning_rate was 0.00025"), ({"batch_size": 1}, "batch_size was 2 and is now 1")],
)
def test_a_run_of_other_settings_is_not_taken(changes, named, setting_of, page_of):
    page_of("table2", setting_of(rows=ROWS[:1], splits=("val",)))
    (failure,) = reproduce("table2", setting_of(rows=ROWS[:1], splits=("val",), **changes), silent).failed
    assert named in failure
    assert "choose another --runs" in failure


def test_a_setting_younger_than_a_run_had_its_default(setting_of, page_of):
    setting = setting_of(rows=ROWS[:1], splits=("val",))
    page_of("table2", setting)
    plan = run_plan(setting, open_splits(setting, "table2"), rows_of("table2", "M")[0], 0)
    header = read_header(plan.folder / "last.safetensors")
    del header["training"]["settings"]["train"]["flip"]
    check_same_run(header, plan)
    with pytest.raises(CheckpointError, match="flip was False and is now True"):
        check_same_run(header, dataclasses.replace(plan, train=dataclasses.replace(plan.train, flip=True)))


@pytest.mark.parametrize(
    ("error", "line"),
    [(UserError("the disk is full"), "the disk is full"), (RuntimeError("out of memory\ntrace"), "RuntimeError: out")],
)
def test_a_failed_row_is_shown_and_the_others_go_on(error, line, setting_of, trainings, tmp_path):
    setting = setting_of(runs=tmp_path / "runs", rows=ROWS, splits=("val",))
    trainings.dies["M+LSTM"] = error
    result = reproduce("table2", setting, silent)
    assert len(result.failed) == 1
    page = result.files[1].read_text()
    assert f"| M+LSTM | 0 | {line}" in page.split("## Failed")[1]
    assert "| M+LSTM | failed | - | - |" in page
    assert "| M+LSTM+AT | 1 | " in page


@pytest.mark.parametrize("what", NAMES)
def test_a_page_is_written_where_every_row_failed(what, setting_of, monkeypatch, tmp_path):
    def fail(plan, accelerator):
        raise UserError("no such luck")

    monkeypatch.setattr(runs_module, "train_run", fail)
    monkeypatch.setattr(separability_table, "open_network", lambda features: None)
    result = reproduce(what, setting_of(runs=tmp_path / "runs", splits=("val",), seeds=(0, 1)), silent)
    assert len(result.failed) == result.runs
    assert result.files[1].read_text().count("no such luck") == result.runs


def test_a_dry_run_trains_nothing_and_counts_what_is_left(setting_of, trainings, monkeypatch, tmp_path):
    half = setting_of(runs=tmp_path / "runs", rows=ROWS[:1], splits=("val",), steps=2)
    reproduce("table2", half, silent)
    trainings.calls.clear()
    monkeypatch.setattr(dry_run_module, "plan_hours", lambda plan, accelerator: 8.0)
    wanted = dataclasses.replace(half, rows=ROWS, seeds=(0, 1), train=dataclasses.replace(half.train, steps=4))
    lines = dry_run("table2", wanted, silent)
    assert trainings.calls == []
    assert lines[0].endswith("2 rows x 2 seeds, each 4 steps of 2 = 8 samples seen")
    assert lines[1].split()[:7] == ["M+LSTM", "seed", "0", "2", "of", "4", "steps"]
    assert [line.split(" h ")[0].split()[-1] for line in lines[1:5]] == ["4.00", "8.00", "8.00", "8.00"]
    assert lines[5].startswith("in all ")
    assert "28.00 h" in lines[5]


def test_a_dry_run_measures_each_network_once_and_counts_each_run_once(setting_of, monkeypatch, tmp_path):
    measured = []
    monkeypatch.setattr(dry_run_module, "plan_hours", lambda plan, accelerator: measured.append(str(plan.variant)) or 2)
    lines = dry_run("table5", setting_of(runs=tmp_path / "runs", seeds=(0, 1)), silent)
    assert measured == ["M+LSTM", "M+LSTM+DE+SE+AT"]
    shared = [line for line in lines if line.startswith("M+LSTM+DCRF")]
    assert [line.endswith("the run of M+LSTM") for line in shared] == [True, True]
    assert "8.00 h" in lines[7]
    measured.clear()
    lines = dry_run("table6", setting_of(runs=tmp_path / "runs"), silent)
    assert measured == ["M+LSTM+DE+SE+AT"]
    assert "6.00 h" in lines[4]
    assert lines[0].startswith("table6 on synthetic: 3 rows x 1 seed, each ")


def test_a_dry_run_takes_the_seeds_that_the_figure_does(setting_of, monkeypatch, tmp_path):
    monkeypatch.setattr(dry_run_module, "plan_hours", lambda plan, accelerator: 1.0)
    for what, total in (("figure6", "2.00 h"), ("figure7", "4.00 h")):
        lines = dry_run(what, setting_of(runs=tmp_path / "runs", seeds=(3, 4)), silent)
        assert total in next(line for line in lines if line.startswith("in all"))


def test_a_dry_run_says_which_row_does_not_fit(setting_of, monkeypatch, tmp_path):
    def overflow(plan, accelerator):
        raise UserError("a batch of 2 overflows the GPU")

    monkeypatch.setattr(dry_run_module, "plan_hours", overflow)
    lines = dry_run("figure7", setting_of(runs=tmp_path / "runs"), silent)
    assert "missing: M+LSTM: a batch of 2 overflows the GPU" in lines
    assert "hours unknown" in next(line for line in lines if line.startswith("in all"))


def test_a_dry_run_measures_true_steps(setting_of, tmp_path):
    setting = setting_of(runs=tmp_path / "runs", rows=ROWS[:1], splits=("val",), steps=1)
    (line,) = [line for line in dry_run("table2", setting, silent) if line.startswith("M+LSTM")]
    assert "hours unknown" not in line
    assert not setting.runs.exists()


def test_a_dry_run_names_what_is_missing(setting_of, monkeypatch, tmp_path):
    monkeypatch.undo()
    setting = setting_of(runs=tmp_path / "runs", data="unc", root=tmp_path / "none", weights=tmp_path / "no.pth")
    lines = dry_run("table4", setting, silent)
    assert any(line.startswith("missing: no folder") for line in lines)
    assert any(line.startswith("missing: no weights at") for line in lines)
    assert "hours unknown" in lines[1]
