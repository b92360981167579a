"""Every table, end to end at a tiny budget."""

import json
import re

import pytest
import torch

from asgn.checkpoint import load_model
from asgn.errors import DataError, UserError
from asgn.experiments.reproduce import separability_table
from asgn.experiments.reproduce.pages import published_sections
from asgn.experiments.reproduce.rows import rows_of
from asgn.experiments.reproduce.setting import Features, open_splits
from asgn.experiments.reproduce.summary import spread
from asgn.experiments.reproduce.thresholds import as_logit
from asgn.experiments.runs.scoring import evaluate
from asgn.inference.segmenter import Segmenter


def lines_of(page: str, heading: str) -> dict[str, list[str]]:
    """The cells of the table below a heading, by the first cell."""
    part = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"]
    return {first: rest for first, *rest in cells[2:]}


@pytest.mark.parametrize("what", ["table1", "table2", "table3"])
def test_a_table_of_scores_has_every_row(what, setting_of, page_of):
    setting = setting_of(splits=("val",))
    page = page_of(what, setting)
    rows = rows_of(what, "M")
    assert [*lines_of(page, "Measured on synthetic val")] == [row.label for row in rows]
    assert "4 samples seen" in page
    assert "val: clean: drawn anew" in page


def test_the_numbers_are_those_of_an_evaluation_of_the_last_step(setting_of, page_of):
    setting = setting_of(rows=("M+LSTM",), splits=("val",), seeds=(0, 1))
    line = lines_of(page_of("table2", setting), "Measured on synthetic val")["M+LSTM"]
    data = open_splits(setting, "table2").scored[0]
    scores = [
        evaluate(
            Segmenter(load_model(setting.runs / f"synthetic-M+LSTM-seed{seed}" / "last.safetensors")), data, limit=3
        ).scores.summary()
        for seed in (0, 1)
    ]
    assert line[:3] == ["2", *(spread([one[name] for one in scores]) for name in ("oIoU", "mIoU"))]


def test_a_split_named_twice_is_scored_once(setting_of, page_of):
    page = page_of("table2", setting_of(rows=("M+LSTM",), splits=("val", "val")))
    assert page.count("## Measured on synthetic val") == 1


def test_a_table_of_one_split_scores_its_first_or_the_one_named(setting_of):
    assert [split.split for split in open_splits(setting_of(), "table5").scored] == ["val"]
    assert [split.split for split in open_splits(setting_of(splits=("test",)), "table5").scored] == ["test"]
    assert open_splits(setting_of(splits=("test",)), "figure7").scored == ()
    with pytest.raises(DataError, match="table5 is of one split: give one with --splits, such as --splits test"):
        open_splits(setting_of(splits=("test", "val")), "table5")


def test_other_data_never_stand_under_the_heading_of_a_benchmark(setting_of, page_of):
    page = page_of("table2", setting_of(splits=("val",), rows=("M+LSTM", "M+LSTM+AT")))
    assert page.startswith("# The rows of Table 2 on synthetic scenes (no benchmark)")
    assert "paper:" not in page
    assert "39.29" not in page.split("## Published on UNC val, not comparable")[0]
    assert lines_of(page, "Published on UNC val, not comparable")["R+LSTM"][-1] == "39.29"


def test_published_numbers_of_one_measure_stand_in_one_table(setting_of):
    (section,) = published_sections(setting_of(), "table1", rows_of("table1", "M"))
    assert section.title == "Published oIoU, not comparable"
    assert section.header[:4] == ("row", "UNC val", "UNC testA", "UNC testB")
    assert section.header[-2:] == ("G-Ref val", "ReferItGame test")
    cells = {line[0]: line[1:] for line in section.rows}
    assert (cells["R+LSTM"][0], cells["R+LSTM"][6]) == ("39.29", "28.06")
    on_unc = published_sections(setting_of(data="unc"), "table1", rows_of("table1", "M"))
    assert [section.header for section in on_unc] == [("row", "UNC val", "UNC testA", "UNC testB")]
    assert all(set(line[1:]) != {"-"} for section in on_unc for line in section.rows)


def test_the_same_data_stand_beside_the_paper_with_the_difference(setting_of, page_of):
    page = page_of("table2", setting_of(data="unc", rows=("M+LSTM",)))
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


def test_a_benchmark_that_the_table_lacks_is_not_compared(setting_of, page_of):
    page = page_of("table2", setting_of(data="unc+", rows=("M+LSTM",), splits=("val",)))
    assert page.startswith("# The rows of Table 2 on UNC+\n")
    assert list(lines_of(page, "Measured on unc+ val")) == ["M+LSTM"]
    assert "## Published on UNC val, not comparable" in page


def test_table_4(setting_of, page_of, monkeypatch):
    pytest.importorskip("sklearn")

    def every_28th_pixel(images):
        return images[:, 0, ::28, ::28].flatten(1)

    monkeypatch.setattr(separability_table, "open_network", lambda features: every_28th_pixel)
    setting = setting_of(splits=("val",), limit=None)
    page = page_of("table4", setting)
    lines = lines_of(page, "Measured on synthetic val")
    assert list(lines) == ["M+LSTM", "M+LSTM+AT"]
    assert "| row | seeds | accuracy (%) | empty predictions (%) |\n" in page
    file = setting.runs / "synthetic-M+LSTM+AT-seed0" / "scores" / "separability-val-alexnet.json"
    stored = json.loads(file.read_text())
    assert (len(stored["accuracies"]), stored["images"]) == (5, 5)
    assert lines["M+LSTM+AT"][1] == f"{sum(stored['accuracies']) / 5:.2f}"


def test_squeezenet_needs_its_weights():
    with pytest.raises(UserError, match="--weights-features"):
        separability_table.open_network(Features("squeezenet"))


def test_table_5(setting_of, page_of):
    pytest.importorskip("pydensecrf", reason="the extra crf is not installed")
    page = page_of("table5", setting_of(splits=("val",)))
    lines = lines_of(page, "Measured on synthetic val")
    assert list(lines) == ["M+LSTM", "M+LSTM+DCRF", "M+LSTM+DE+SE+AT"]
    seeds, _, hours, seconds, megabytes, peak, *_ = zip(*lines.values(), strict=True)
    assert set(seeds) == {"1"}
    assert hours[0] == hours[1]
    assert all(float(value) > 0 for value in seconds + peak)
    assert float(megabytes[0]) == float(megabytes[1]) < float(megabytes[2])


def test_table_6_with_both_reductions_and_thresholds(setting_of, page_of):
    setting = setting_of(splits=("val",), reductions=("sum", "mean"))
    page = page_of("table6", setting)
    labels = [f"M+LSTM+DE+SE+AT, lambda={value:g}, CE {kind}" for kind in ("sum", "mean") for value in (0.01, 0.1, 1)]
    scores = lines_of(page, "Measured on synthetic val")
    assert list(scores) == labels
    deltas = lines_of(page, "The threshold delta on synthetic val")
    assert deltas["delta on the logit"] == [scores[labels[1]][1]] * 6
    assert f"oIoU of {labels[1]} in percent" in page
    names = {path.name for path in setting.runs.iterdir()}
    assert "synthetic-M+LSTM+DE+SE+AT,ce_weight=0.01,ce_reduction=mean-seed0" in names
    assert "synthetic-M+LSTM+DE+SE+AT-seed0" in names


def test_a_threshold_of_probability_as_a_logit():
    assert as_logit("logit", 1e-9) == 1e-9
    assert torch.sigmoid(torch.tensor(as_logit("probability", 1e-6), dtype=torch.float64)).item() == pytest.approx(1e-6)


def test_the_page_says_how_it_was_made(setting_of, page_of):
    page = page_of("table2", setting_of(splits=("val",), rows=("M+LSTM",), command="asgn reproduce table2"))
    facts = lines_of(page, "Data and budget")
    assert facts["budget of each row"] == ["2 steps of 2 = 4 samples seen"]
    assert re.match(r"synthetic train: 5 scenes, 40 expressions \([0-9a-f]{12}\)", facts["trained on"][0])
    assert facts["made by"][0].endswith("asgn reproduce table2")
    assert "protocol clean, at most 3 images" in facts["scored with"][0]
