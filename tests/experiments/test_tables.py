"""The published numbers: spot checks, sums that the paper's own text gives, and names that are variants."""

import os
import re
from pathlib import Path

import pytest

from asgn.errors import UserError
from asgn.paper import COUNTS, LAMBDAS, TABLES, Cell
from asgn.variants import Variant

PAPER = Path(os.environ.get("ASGN_SHARED", "../shared"), "paper", "paper.txt")


def value(table: str, row: str, dataset: str, split: str, metric: str = "oIoU") -> float:
    return TABLES[table].row(row).values[Cell(dataset, split, metric)]


@pytest.mark.parametrize("table", TABLES)
def test_variants_are_row_names(table: str) -> None:
    for row in TABLES[table].rows:
        if row.variant is not None:
            assert str(Variant.parse(row.variant)) == row.variant


def test_what_the_authors_ran_is_all_there() -> None:
    bases = ("SNLE", "R+LSTM", "D+LSTM", "D+RMI")
    ours = {base + parts for base in bases for parts in ("", "+AT", "+DE+SE+AT")}
    assert {row.variant for row in TABLES["table1"].rows} == ours | {"D+RMI+DCRF", None}
    eight = {f"R+LSTM{de}{se}{at}" for de in ("", "+DE") for se in ("", "+SE") for at in ("", "+AT")}
    assert {row.variant for row in TABLES["table2"].rows} == eight
    assert len({row.variant for row in TABLES["table3"].rows}) == 9


def test_numbers_from_every_table() -> None:
    assert value("table1", "D+RMI+DE+SE+AT", "unc+", "testB") == 35.97
    assert value("table1", "SNLE+AT", "referit", "test") == 50.17
    assert value("table1", "KWAN (ECCV 2018)", "gref", "val") == 36.92
    assert Cell("gref", "val", "oIoU") not in TABLES["table1"].row("SNLE").values
    assert value("table2", "R+LSTM+DE+SE+AT", "unc", "testA", "Pr@0.9") == 2.33
    assert value("table3", "R+LSTM+DE(conv4,conv5)", "unc", "testB") == 43.43
    assert value("table4", "R+LSTM", "gref", "val", "SVM accuracy") == 92
    assert value("table5", "R+LSTM+DCRF", "unc", "testA", "test seconds") == 2782.04
    assert value("table6", "lambda=1", "unc", "val") == 42.35
    assert {row.name for row in TABLES["table6"].rows} == set(LAMBDAS)


def test_tables_agree_where_they_repeat_each_other() -> None:
    seen: dict[tuple[str, Cell], set[float]] = {}
    for name, table in TABLES.items():
        for row in table.rows:
            if row.variant is not None and name != "table6":
                for cell, number in row.values.items():
                    seen.setdefault((row.variant, cell), set()).add(number)
    assert all(len(numbers) == 1 for numbers in seen.values())
    assert TABLES["table6"].row("lambda=0.1").values.items() <= TABLES["table2"].row("R+LSTM+DE+SE+AT").values.items()


def test_counts() -> None:
    def in_splits(name: str) -> int:
        return sum(counts.expressions for counts in COUNTS[name].splits.values())

    assert in_splits("unc") == COUNTS["unc"].expressions + 1
    assert in_splits("unc+") == COUNTS["unc+"].expressions
    assert COUNTS["gref"].expressions - in_splits("gref") == 9_550
    splits = COUNTS["referit"].splits
    assert [splits[name].expressions for name in ("trainval", "test")] == [59_976, 60_105]
    assert splits["train"].expressions + splits["val"].expressions == splits["trainval"].expressions


def test_a_row_that_is_not_there_or_not_one() -> None:
    with pytest.raises(UserError, match=r"no row 'R\+RMI'.*conv4\+conv5"):
        TABLES["table3"].row("R+RMI")
    with pytest.raises(UserError, match=r"lambda=0\.01"):
        TABLES["table6"].row("R+LSTM+DE+SE+AT")


@pytest.mark.skipif(not PAPER.is_file(), reason="the paper's text is not beside the project")
def test_every_number_stands_in_the_paper_in_this_order() -> None:
    lines = [re.sub(r"\s+", " ", line).strip() for line in PAPER.read_text(encoding="utf-8").splitlines()]
    for name, table in TABLES.items():
        for row in table.rows:
            numbers = [f"{number:g}" for number in row.values.values()]
            chunks = [numbers[i : i + 6] for i in range(0, len(numbers), 6)] if name == "table2" else [numbers]
            for chunk in chunks:
                assert any(_ends_with(line, chunk) for line in lines), (name, row.name, chunk)


def _ends_with(line: str, numbers: list[str]) -> bool:
    found = [f"{float(word):g}" for word in line.split() if re.fullmatch(r"\d+(\.\d+)?", word)]
    return found[-len(numbers) :] == numbers
