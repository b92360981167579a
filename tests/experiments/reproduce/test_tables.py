"""Every table, end to end at a tiny budget."""

import dataclasses
import json
import re

import pytest
import torch

from asgn.checkpoint import load_model, read_header, read_tensors
from asgn.config import LossConfig
from asgn.errors import DataError, UserError
from asgn.experiments.reproduce import command, separability
from asgn.experiments.reproduce.balance import last_half
from asgn.experiments.reproduce.command import reproduce_all
from asgn.experiments.reproduce.config import Scoring, open_splits
from asgn.experiments.reproduce.dry_run import dry_run
from asgn.experiments.reproduce.pages import published_sections
from asgn.experiments.reproduce.results import Outcome, Results, spread
from asgn.experiments.reproduce.rows import rows_of
from asgn.experiments.reproduce.tables import ratio_sections, table_sections
from asgn.experiments.reproduce.thresholds import as_logit
from asgn.experiments.runs.scoring import evaluate
from asgn.inference.segmenter import Segmenter
from asgn.training.recorder import curves


def lines_of(page: str, heading: str) -> dict[str, list[str]]:
    """The cells of the table below a heading, by the first cell."""
    part = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"]
    return {first: rest for first, *rest in cells[2:]}


@pytest.mark.parametrize("what", ["table1", "table2", "table3"])
def test_a_table_of_scores_has_every_row(what, config_of, page_of):
    config = config_of(what, splits=("val",))
    page = page_of(config)
    rows = rows_of(what, "M")
    assert [*lines_of(page, "Measured on synthetic val")] == [row.label for row in rows]
    assert "4 samples seen" in page
    assert "val: clean: drawn anew" in page


def test_the_numbers_are_those_of_an_evaluation_of_the_last_step(config_of, page_of):
    config = config_of(rows=("M+LSTM",), splits=("val",), seeds=(0, 1))
    line = lines_of(page_of(config), "Measured on synthetic val")["M+LSTM"]
    data = open_splits(config).scored[0]
    scores = [
        evaluate(
            Segmenter(load_model(config.runs / f"synthetic-M+LSTM-seed{seed}" / "last.safetensors")), data, limit=3
        ).scores.summary()
        for seed in (0, 1)
    ]
    assert line[:3] == ["2", *(spread([one[name] for one in scores]) for name in ("oIoU", "mIoU"))]


def test_a_split_named_twice_is_scored_once(config_of, page_of):
    page = page_of(config_of(rows=("M+LSTM",), splits=("val", "val")))
    assert page.count("## Measured on synthetic val") == 1


def test_a_table_of_one_split_scores_its_first_or_the_one_named(config_of):
    assert [split.split for split in open_splits(config_of("table5")).scored] == ["val"]
    assert [split.split for split in open_splits(config_of("table5", splits=("test",))).scored] == ["test"]
    assert open_splits(config_of("figure7", splits=("test",))).scored == ()
    with pytest.raises(DataError, match="table5 is of one split: give one with --splits, such as --splits test"):
        open_splits(config_of("table5", splits=("test", "val")))


def test_other_data_never_stand_under_the_heading_of_a_benchmark(config_of, page_of):
    page = page_of(config_of(splits=("val",), rows=("M+LSTM", "M+LSTM+AT")))
    assert page.startswith("# The rows of Table 2 on synthetic scenes (no benchmark)")
    assert "paper:" not in page
    assert "39.29" not in page.split("## Published on UNC val, not comparable")[0]
    assert lines_of(page, "Published on UNC val, not comparable")["R+LSTM"][-1] == "39.29"


def test_published_numbers_of_one_measure_stand_in_one_table(config_of):
    (section,) = published_sections(config_of("table1"))
    assert section.title == "Published oIoU, not comparable"
    assert section.header[:4] == ("row", "UNC val", "UNC testA", "UNC testB")
    assert section.header[-2:] == ("G-Ref val", "ReferItGame test")
    cells = {line[0]: line[1:] for line in section.rows}
    assert (cells["R+LSTM"][0], cells["R+LSTM"][6]) == ("39.29", "28.06")
    on_unc = published_sections(config_of("table1", data="unc"))
    assert [section.header for section in on_unc] == [("row", "UNC val", "UNC testA", "UNC testB")]
    assert all(set(line[1:]) != {"-"} for section in on_unc for line in section.rows)


def test_the_same_data_stand_beside_the_paper_with_the_difference(config_of, page_of):
    page = page_of(config_of(data="unc", rows=("M+LSTM",)))
    assert page.startswith("# Table 2 on UNC\n")
    assert "not comparable" not in page
    others = lines_of(page, "Published on UNC val, for rows not trained here")
    assert "R+LSTM+AT" in others
    assert "R+LSTM" not in others
    for split, printed in (("val", 39.29), ("testA", 39.80), ("testB", 39.15)):
        lines = lines_of(page, f"Measured on unc {split}")
        assert list(lines) == ["M+LSTM", "paper: R+LSTM", "difference"]
        assert lines["paper: R+LSTM"][1:3] == [f"{printed:.2f}", "-"]
        assert float(lines["difference"][1]) == pytest.approx(float(lines["M+LSTM"][1]) - printed, abs=0.011)


def test_a_benchmark_that_the_table_lacks_is_not_compared(config_of, page_of):
    page = page_of(config_of(data="unc+", rows=("M+LSTM",), splits=("val",)))
    assert page.startswith("# The rows of Table 2 on UNC+\n")
    assert list(lines_of(page, "Measured on unc+ val")) == ["M+LSTM"]
    assert "## Published on UNC val, not comparable" in page


def test_table_4(config_of, page_of, monkeypatch):
    pytest.importorskip("sklearn")

    def every_28th_pixel(images):
        return images[:, 0, ::28, ::28].flatten(1)

    monkeypatch.setattr(separability, "open_network", lambda scoring: every_28th_pixel)
    monkeypatch.setattr(command, "open_network", lambda scoring: None)
    config = config_of("table4", splits=("val",), limit=None)
    page = page_of(config)
    lines = lines_of(page, "Measured on synthetic val")
    assert list(lines) == ["M+LSTM", "M+LSTM+AT"]
    assert "| row | seeds | SVM accuracy | empty predictions (%) |\n" in page
    file = config.runs / "synthetic-M+LSTM+AT-seed0" / "scores" / "separability-val-alexnet.json"
    stored = json.loads(file.read_text())
    assert (len(stored["accuracies"]), stored["images"]) == (5, 5)
    assert lines["M+LSTM+AT"][1] == f"{sum(stored['accuracies']) / 5:.2f}"


def test_squeezenet_needs_its_weights():
    with pytest.raises(UserError, match="--weights-features"):
        separability.open_network(Scoring(features="squeezenet"))


def test_table_5(config_of, page_of):
    pytest.importorskip("pydensecrf", reason="the extra crf is not installed")
    page = page_of(config_of("table5", splits=("val",)))
    lines = lines_of(page, "Measured on synthetic val")
    assert list(lines) == ["M+LSTM", "M+LSTM+DCRF", "M+LSTM+DE+SE+AT"]
    seeds, _, hours, seconds, megabytes, peak, *_ = zip(*lines.values(), strict=True)
    assert set(seeds) == {"1"}
    assert hours[0] == hours[1]
    assert all(float(value) > 0 for value in seconds + peak)
    assert float(megabytes[0]) == float(megabytes[1]) < float(megabytes[2])


def test_table_6_with_both_reductions_and_thresholds(config_of, page_of):
    config = config_of("table6", splits=("val",), reductions=("sum", "mean"))
    page = page_of(config)
    labels = [f"M+LSTM+DE+SE+AT, lambda={value:g}, CE {kind}" for kind in ("sum", "mean") for value in (0.01, 0.1, 1)]
    scores = lines_of(page, "Measured on synthetic val")
    assert list(scores) == labels
    deltas = lines_of(page, "The threshold delta on synthetic val")
    assert deltas["delta on the logit"] == [scores[labels[1]][1]] * 6
    assert f"oIoU of {labels[1]} in percent" in page
    names = {path.name for path in config.runs.iterdir()}
    assert "synthetic-M+LSTM+DE+SE+AT,ce_weight=0.01,ce_reduction=mean-seed0" in names
    assert "synthetic-M+LSTM+DE+SE+AT-seed0" in names


def test_a_threshold_of_probability_as_a_logit():
    assert as_logit("logit", 1e-9) == 1e-9
    assert torch.sigmoid(torch.tensor(as_logit("probability", 1e-6), dtype=torch.float64)).item() == pytest.approx(1e-6)


def test_the_page_says_how_it_was_made(config_of, page_of):
    page = page_of(config_of(splits=("val",), rows=("M+LSTM",), command="asgn reproduce table2"))
    facts = lines_of(page, "Data and budget")
    assert facts["budget of each row"] == ["2 steps of 2 = 4 samples seen"]
    assert re.match(r"synthetic train: 5 scenes, 40 expressions \([0-9a-f]{12}\)", facts["trained on"][0])
    assert facts["made by"][0].endswith("asgn reproduce table2")
    assert "protocol clean, at most 3 images" in facts["scored with"][0]


def results_of(config, values):
    """Results of one seed, as if the rows had been trained and measured."""
    splits = open_splits(config)
    split = (splits.scored or (splits.validation,))[0].split
    return Results(config, splits, [Outcome(row, 0, None, {split: values[row.label]}) for row in config.rows])


def test_costs_stand_as_ratios_beside_the_papers(config_of):
    config = config_of("table5", splits=("val",))
    names = ("oIoU", "training hours", "test seconds", "memory MB", "peak GiB in training", "ms a phrase")
    values = {row.label: dict.fromkeys(names, 1.0 + place) for place, row in enumerate(config.rows)}
    (section,) = ratio_sections(results_of(config, values))
    assert section.rows == [
        ["M+LSTM+DCRF", "2.00x", "1.00x", "2.00x", "4.27x", "2.00x", "1.00x"],
        ["M+LSTM+DE+SE+AT", "3.00x", "2.01x", "3.00x", "1.01x", "3.00x", "1.07x"],
    ]


@pytest.mark.parametrize(("miou", "is_said"), [(12.5, True), (0.0, False)])
def test_an_oiou_of_0_beside_a_higher_miou_is_explained(config_of, miou, is_said):
    config = config_of("table1", splits=("val",), rows=("M+LSTM",))
    (config.out).mkdir()
    first, *_ = table_sections(results_of(config, {"M+LSTM": {"oIoU": 0.0, "mIoU": miou}}))
    assert ("phrases with no target" in first.text) == is_said


def test_a_page_names_all_readings_in_force_and_the_protocol_of_the_papers_numbers(config_of, page_of):
    facts = lines_of(page_of(config_of(splits=("val",), rows=("M+LSTM",))), "Data and budget")
    readings = facts["readings of the paper in force"][0]
    named = [item.name for item in dataclasses.fields(LossConfig)] + ["schedule", "semantic_input", "warmup_steps"]
    assert all(f"{name} = " in readings for name in named)
    assert "logit's threshold 1e-9" in facts["protocol of the paper's numbers"][0]


def test_table_1_joins_several_data_sets(config_of, tmp_path):
    configs = [config_of("table1", data=name, rows=("M+LSTM",)) for name in ("unc", "referit")]
    files, failed = reproduce_all(configs, lambda line: None)
    assert failed == []
    joined = next(path for path in files if path.name == "table1-unc-referit.md").read_text()
    lines = lines_of(joined, "Measured")
    assert "| row | seeds | UNC val | UNC testA | UNC testB | ReferItGame test |" in joined
    assert lines["paper: R+LSTM"][1:] == ["39.29", "39.80", "39.15", "54.04"]
    alone = lines_of((config_of().out / "table1-referit.md").read_text(), "Measured on referit test")
    assert lines["M+LSTM"][-1] == alone["M+LSTM"][1]


def test_paired_rows_go_on_from_one_run_with_the_same_batches(config_of, page_of, tmp_path):
    config = config_of(rows=("M+LSTM", "M+LSTM+AT"), splits=("val",), is_paired=True, runs=tmp_path / "runs", steps=3)
    page = page_of(config)
    names = ("M+LSTM-start", "M+LSTM-paired", "M+LSTM+AT-paired")
    headers = [read_header(config.runs / f"synthetic-{name}-seed0" / "last.safetensors") for name in names]
    assert len(list(config.runs.iterdir())) == 3
    assert [header["training"]["step"] for header in headers] == [1, 2, 2]
    start, without, with_at = (header["training"]["settings"] for header in headers)
    assert without == with_at
    assert start["train"]["seed"] != with_at["train"]["seed"]
    assert all(header["provenance"]["start"]["data"] for header in headers[1:])
    tensors, _ = read_tensors(config.runs / "synthetic-M+LSTM+AT-paired-seed0" / "last.safetensors")
    assert "discriminator.layers.0.weight" in tensors
    scores = lines_of(page, "Measured on synthetic val")
    assert list(scores) == ["M+LSTM", "M+LSTM+AT"]
    effects = lines_of(page, "What each part adds on synthetic val")
    assert list(effects) == ["+AT, all 1 pairs", "M+LSTM to +AT"], "no pair is of DE or SE alone"
    assert effects["+AT, all 1 pairs"][-1] == "+1.89"
    gain = float(effects["+AT, all 1 pairs"][1].split()[0])
    assert gain == pytest.approx(float(scores["M+LSTM+AT"][1]) - float(scores["M+LSTM"][1]), abs=0.011)
    assert "boundary F" in page
    metrics = curves(config.runs / "synthetic-M+LSTM+AT-paired-seed0" / "metrics.jsonl", "train")
    balance = lines_of(page, "The balance of D and G")
    assert list(balance) == ["M+LSTM+AT"]
    names = ("discriminator", "real_accuracy", "fake_accuracy")
    assert balance["M+LSTM+AT"] == ["1", *(f"{last_half(metrics[name]):.2f}" for name in names)]
    lines = dry_run(config, lambda line: None)
    assert [line.split()[3] for line in lines[1:5]] == ["trained", "trained", "the", "trained"]


def test_the_last_half_of_a_curve_is_by_its_steps():
    assert last_half([(10, 9.0), (20, 1.0), (25, 2.0), (30, 3.0)]) == 2.0
    assert last_half([(500, 9.0), (550, 9.0), (600, 1.0)]) == 5.0, "after a warm-up"
    assert last_half([(3, 1.0)]) == 1.0


def test_a_row_that_is_all_warm_up_has_no_balance_to_show(config_of, page_of, tmp_path):
    page = page_of(config_of(rows=("M+LSTM+AT",), splits=("val",), runs=tmp_path / "runs", steps=2, warmup_steps=2))
    assert "The balance of D and G" not in page
