import pytest

from asgn.cli.reproduce import row_names, seed_numbers
from asgn.config import LossConfig
from asgn.errors import UserError
from asgn.experiments.reproduce.rows import NAMES, paper_data, rows_of


def labels(*arguments, **options):
    return [row.label for row in rows_of(*arguments, **options)]


def test_the_rows_are_the_papers():
    assert len(labels("table1")) == 13
    assert labels("table3")[-1] == "R+LSTM+DE(conv1,conv2,conv3,conv4,conv5)"
    assert labels("figure8") == ["R+LSTM+DE+SE+AT"]
    assert len(NAMES) == 11


def test_another_backbone_keeps_the_papers_row_and_drops_doubles():
    rows = rows_of("table1", "M")
    assert [row.label for row in rows] == [
        "M+RMI+DCRF", "M+LSTM", "M+LSTM+AT", "M+LSTM+DE+SE+AT", "M+RMI", "M+RMI+AT", "M+RMI+DE+SE+AT",
    ]  # fmt: skip
    assert [row.printed for row in rows][1] == "R+LSTM"


def test_wanted_rows_come_in_the_order_asked_and_may_be_new():
    assert labels("table2", "M", ["M+LSTM+AT", "R+LSTM", "M+LSTM"]) == ["M+LSTM+AT", "M+LSTM"]
    (new,) = rows_of("table4", "M", ["M+LSTM+DE"])
    assert (new.label, new.published) == ("M+LSTM+DE", None)
    with pytest.raises(UserError, match="unknown variant 'M\\+LTSM'"):
        rows_of("table2", "M", ["M+LTSM"])


def test_lambda_and_reduction_are_the_rows_own():
    rows = rows_of("table6", "M", reductions=("sum", "mean"))
    assert len(rows) == 6
    losses = rows[3].losses(LossConfig(ce_weight=7.0, real_masks="matched"))
    assert (losses.ce_weight, losses.ce_reduction, losses.real_masks) == (0.01, "mean", "matched")
    assert labels("table6", "M", ["lambda=1"]) == ["M+LSTM+DE+SE+AT, lambda=1"]


def test_an_unknown_table():
    with pytest.raises(UserError, match=r"'table7'.*table1.*figure8"):
        rows_of("table7")


def test_the_papers_data():
    assert [paper_data(name) for name in ("table1", "table4", "figure7")] == ["unc", "gref", "unc"]


def test_row_names_may_hold_commas_in_brackets():
    assert row_names("M+LSTM, M+LSTM+DE(conv1,conv2)") == ("M+LSTM", "M+LSTM+DE(conv1,conv2)")
    assert row_names(None) == ()


@pytest.mark.parametrize("text", ["", ",", " , "])
def test_rows_without_a_name_are_refused(text):
    with pytest.raises(UserError, match="names no row"):
        row_names(text)


@pytest.mark.parametrize("text", ["", "a", "0,0", "-1", "0,,1", "1.5", "4294967296"])
def test_seeds_that_cannot_be_used(text):
    with pytest.raises(UserError, match="--seeds"):
        seed_numbers(text)
