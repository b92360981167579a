"""Pages of reports: the same in Markdown and, read back by a strict reader, in HTML."""

from xml.etree import ElementTree

import numpy as np
import pytest

from asgn.experiments.report import Section, write_picture, write_report


@pytest.fixture
def page_with(tmp_path):
    """The Markdown of a page of one section, and its HTML's body as elements."""

    def make(**parts):
        html, markdown, *_ = write_report(tmp_path / "page.html", "A < B", [Section("Part", **parts)])
        page = html.read_text(encoding="utf-8")
        body = page[page.index("<body>") : page.index("</html>")]
        return markdown.read_text(encoding="utf-8"), ElementTree.fromstring(body)

    return make


def cells_of(body):
    return [["".join(cell.itertext()) for cell in line] for line in body.iter("tr")]


def test_text_is_text_in_both(page_with):
    markdown, body = page_with(text="IoU < 1 & snake_case_names <b>stay</b>")
    assert markdown == "# A < B\n\n## Part\n\nIoU < 1 & snake_case_names <b>stay</b>\n"
    assert [one.text for one in body] == ["A < B", "Part", "IoU < 1 & snake_case_names <b>stay</b>"]


def test_a_column_with_long_cells_is_text_and_the_others_are_numbers(page_with):
    why = "the run that is there has other settings than those that are wanted now; choose another --runs"
    markdown, body = page_with(
        header=("row", "seed", "why"), rows=[["M+LSTM & more", "0", "a | b"], ["M+LSTM", "1", why]]
    )
    assert markdown.splitlines()[4:7] == [
        "| row | seed | why |",
        "| :--- | ---: | --- |",
        "| M+LSTM & more | 0 | a   b |",
    ]
    assert cells_of(body) == [["row", "seed", "why"], ["M+LSTM & more", "0", "a   b"], ["M+LSTM", "1", why]]
    aligned = [cell.get("style") for cell in list(body.iter("td"))[3:]]
    assert aligned == ["text-align:left", "text-align:right", None], "text wraps, where nothing aligns it"


def test_a_row_that_goes_with_the_one_above_keeps_its_empty_cell(page_with):
    rows = [["M+LSTM", "3", "40.00"], ["paper: R+LSTM", "", "39.29"], ["difference", "", "+0.71"]]
    _, body = page_with(header=("row", "seeds", "oIoU"), rows=rows)
    assert cells_of(body)[1:] == rows


def test_facts_have_no_heading(page_with):
    _, body = page_with(rows=[["made by", "asgn"]])
    assert cells_of(body) == [["", ""], ["made by", "asgn"]]


def test_a_picture_is_linked_in_markdown_and_inside_the_html(page_with, tmp_path):
    picture = tmp_path / "table2-unc+.png"
    write_picture(picture, np.zeros((2, 2, 3), dtype=np.uint8))
    markdown, body = page_with(pictures=[(picture, "oIoU of M+LSTM+DE(conv4,conv5)")])
    assert "![oIoU of M+LSTM+DE(conv4,conv5)](table2-unc+.png)" in markdown
    (image,) = body.iter("img")
    assert image.get("src").startswith("data:image/png;base64,")
    assert [one.text for one in body.iter("em")] == ["oIoU of M+LSTM+DE(conv4,conv5)"]
