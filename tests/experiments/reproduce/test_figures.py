"""Every figure, end to end at a tiny budget, and the kinds of failure by hand."""

import json

import numpy as np
import pytest
from PIL import Image

from asgn.data.types import Expression
from asgn.experiments.reproduce.failures import KINDS, Answer, failure_kind
from asgn.experiments.reproduce.panels import draw_examples
from asgn.experiments.reproduce.progress_figures import curve_sections, spread_steps
from asgn.training.recorder import curves
from tests.experiments.reproduce.test_tables import lines_of, results_of


def size_of(path):
    with Image.open(path) as picture:
        return picture.size


@pytest.mark.parametrize(("what", "columns"), [("figure4", 5), ("figure5", 7)])
def test_panels_show_image_truth_and_every_row(what, columns, config_of, page_of):
    config = config_of(what, seeds=(0, 1))
    page = page_of(config)
    assert "2 phrases drawn at random" in page
    assert "val: clean: drawn anew" in page
    width, height = size_of(config.out / f"{what}-synthetic.png")
    assert (width, height) == (260 * columns, 275 * 2)


def test_examples_are_of_different_images_and_never_absent(scenes):
    examples = draw_examples(scenes, 4)
    assert len({expression.image_id for expression, _ in examples}) == 4
    assert all(mask.any() for _, mask in examples)
    assert [one.text for one, _ in examples] == [one.text for one, _ in draw_examples(scenes, 4)]


def test_figure_6_shows_both_rows_at_the_steps_of_their_panels(config_of, page_of):
    config = config_of("figure6")
    page = page_of(config)
    assert "probability after 1, 2 steps" in page
    assert size_of(config.out / "figure6-synthetic.png") == (260 * 4, 275 * 4)


def test_steps_are_spread_and_end_with_the_last():
    assert spread_steps(set(range(1, 16)), 5) == [3, 6, 9, 12, 15]
    assert spread_steps({7, 3}, 5) == [3, 7]


def test_figure_7_is_the_curve_of_the_runs(config_of, page_of):
    config = config_of("figure7", seeds=(0, 1))
    lines = lines_of(page_of(config), "Validation on synthetic val over training")
    found = [
        dict(curves(config.runs / f"synthetic-M+LSTM+AT-seed{seed}" / "metrics.jsonl", "validation")["oIoU"])
        for seed in (0, 1)
    ]
    assert list(lines) == ["M+LSTM", "M+LSTM+AT"]
    assert lines["M+LSTM+AT"][1].split(" ± ")[0] == f"{(found[0][2] + found[1][2]) / 2:.2f}"
    assert config.out.joinpath("figure7-synthetic.png").is_file()


def test_figure_8_counts_every_failure_once(config_of, page_of):
    config = config_of("figure8")
    page = page_of(config)
    shares = lines_of(page, "Failures on synthetic val")
    assert list(shares) == list(KINDS)
    run = config.runs / "synthetic-M+LSTM+DE+SE+AT-seed0"
    stored = json.loads((run / "scores" / "failures-val.json").read_text())
    assert stored["expressions"] == 24
    assert len({entry[0] for entry in stored["failures"]}) == len(stored["failures"])
    total = 100 * len(stored["failures"]) / 24
    assert sum(float(cells[0]) for cells in shares.values()) == pytest.approx(total, abs=0.3)


def mask(*columns):
    """(4, 100): the given columns, so that 4 columns are 4 % of the image."""
    found = np.zeros((4, 100), dtype=bool)
    found[:, list(columns)] = True
    return found


def answer(truth, found, sentence_id=1):
    return Answer(Expression(sentence_id, sentence_id, 1, (sentence_id,), f"phrase {sentence_id}"), truth, found)


SEVERAL, OTHERS = range(0, 20), range(40, 60)


@pytest.mark.parametrize(
    ("truth", "found", "kind"),
    [
        (mask(*SEVERAL), mask(*SEVERAL), None),
        (mask(*SEVERAL), mask(*range(0, 10)), None),  # IoU exactly one half is right
        (mask(*SEVERAL), mask(*OTHERS), "another object"),
        (mask(*SEVERAL), mask(*range(0, 9)), "partly right"),
        (mask(*SEVERAL), mask(), "nothing marked"),
        (mask(*SEVERAL), mask(*range(70, 90)), "elsewhere"),
        (mask(*range(4)), mask(), "small object"),
        (mask(*range(4)), mask(*OTHERS), "another object"),
        (mask(), mask(3), "no target"),
        (mask(), mask(), None),
    ],
)
def test_kinds_of_failure(truth, found, kind):
    asked = answer(truth, found)
    other = answer(mask(*OTHERS), mask(), 2)
    result = failure_kind(asked, [asked, other])
    assert (result and result[0]) == kind
    if kind == "another object":
        assert result[1] == other.expression


def test_the_same_object_under_another_phrase_is_no_other_object():
    asked = answer(mask(*SEVERAL), mask(*range(0, 9)))
    same = answer(mask(*range(0, 18)), mask(), 2)
    assert failure_kind(asked, [asked, same]) == ("partly right", None)


def test_figure_7_compares_only_steps_validated_on_the_same_images(config_of):
    config = config_of("figure7")
    config.out.mkdir()
    curves = {"M+LSTM": {(1, 8): 10.0, (2, 8): 20.0, (3, 8): 30.0}, "M+LSTM+AT": {(2, 8): 40.0, (3, 8): 10.0}}
    (section,) = curve_sections(results_of(config, {name: {"curve": curve} for name, curve in curves.items()}))
    assert "8 expressions, at the 2 steps" in section.text
    assert [line[:6] for line in section.rows] == [
        ["M+LSTM", "1", "30.00", "30.00", "3", "0.00"], ["M+LSTM+AT", "1", "10.00", "40.00", "2", "30.00"],
    ]  # fmt: skip
    other = {"M+LSTM": curves["M+LSTM"], "M+LSTM+AT": {(2, 24): 40.0, (3, 24): 10.0}}
    (section,) = curve_sections(results_of(config, {name: {"curve": curve} for name, curve in other.items()}))
    assert "do not compare" in section.text
    assert (section.rows, section.pictures) == ((), ())
