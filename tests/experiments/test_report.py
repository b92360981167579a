"""Pages of reports, read back as HTML."""

from xml.etree import ElementTree

import pytest

from asgn.experiments.report import Section, write_report


@pytest.fixture
def table_of(tmp_path):
    """The rows of a table as elements, from a page that a strict reader can read."""

    def make(header, rows):
        write_report(tmp_path / "page.html", "Title", [Section("Part", "<text>", header, rows)])
        page = (tmp_path / "page.html").read_text(encoding="utf-8")
        return list(ElementTree.fromstring(page[page.index("<table") : page.index("</div>")]))

    return make


def test_a_column_with_long_cells_is_text_and_the_others_are_not(table_of):
    why = "the run that is there has other settings; choose another --runs"
    head, first, second = table_of(("row", "seed", "why"), [[why, "0", "short"], ["M+LSTM & more", "1", why]])
    assert [cell.get("class") for cell in head] == [cell.get("class") for cell in first] == [None, None, "text"]
    assert [cell.text for cell in second] == ["M+LSTM & more", "1", why]


def test_a_row_that_goes_with_the_one_above_is_marked(table_of):
    rows = [["M+LSTM", "3", "40.00"], ["paper: R+LSTM", "", "39.29"], ["difference", "", "+0.71"]]
    assert [line.get("class") for line in table_of(("row", "seeds", "oIoU"), rows)] == [None, None, "below", "below"]


def test_facts_have_neither(table_of):
    (line,) = table_of((), [["made by", ""]])
    assert line.get("class") is None
    assert [cell.text for cell in line] == ["made by", None]
