from pathlib import Path

from asgn.experiments.model_table import model_rows, render_model_table
from asgn.variants import Variant

DOCUMENT = Path(__file__).parents[2] / "docs/models.md"


def test_every_row_of_the_tables_is_there_once():
    rows = model_rows()
    first, second, third, fifth, small = 13, 5, 7, 1, 11  # rows that no earlier table has
    assert len(rows) == len(set(rows)) == first + second + third + fifth + small
    assert all(str(Variant.parse(row)) == row for row in rows)


def test_the_document_holds_the_table_as_the_code_makes_it():
    assert f"\n{render_model_table()}\n" in DOCUMENT.read_text(encoding="utf-8")
