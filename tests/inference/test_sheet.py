"""Phrase sheets read, dealt out, answered, resumed and put together."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asgn.data.files.masks import decode_segmentation
from asgn.errors import DataError, OutputError, UserError
from asgn.inference.segmenter import Segmenter
from asgn.inference.sheets.journal import FolderLock, JournalWriter, read_places, read_records, repair
from asgn.inference.sheets.reader import GROUP_ROWS, SheetRow, group_rows, read_sheet, share_of
from asgn.inference.sheets.run import UNFINISHED, arrived_images, segment_sheet
from tests.inference.killable_sheet import Sure, write_sheet


@dataclass
class Process:
    """One of several processes, run one after the other."""

    process_index: int = 0
    num_processes: int = 1

    def wait_for_everyone(self) -> None:
        pass


class KilledError(Exception):
    """Stands for whatever ends a process."""


@pytest.fixture
def segmenter(tiny_model) -> Segmenter:
    return Sure(tiny_model)


@pytest.fixture
def sheet(tmp_path):
    return read_sheet(write_sheet(tmp_path, 90, images=2))


def records_in(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def sheet_of(folder: Path, content: str | bytes):
    path = folder / "sheet.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_sheet(path)


@pytest.mark.parametrize(
    "content",
    [
        "image,phrase\na.jpg,left dog\nb.jpg,the cat\n",
        "\ufeffimage,phrase\r\na.jpg,left dog\r\n\r\nb.jpg,the cat",
        "Phrase ; IMAGE;note\nleft dog;a.jpg;x\n the cat ;b.jpg\n",
        'note\tphrase\timage\n"two\nlines"\tleft dog\ta.jpg\n\tthe cat\tb.jpg\n',
    ],
)
def test_sheets_of_many_programs_say_the_same(tmp_path, content) -> None:
    sheet = sheet_of(tmp_path, content)
    assert [(row.image, row.phrase, row.id) for row in sheet.rows] == [
        ("a.jpg", "left dog", ""),
        ("b.jpg", "the cat", ""),
    ]
    assert sheet.refused == []


def test_bad_rows_are_told_with_their_lines(tmp_path) -> None:
    lines = [
        "image,phrase,id",
        "a.jpg,left dog,1",
        ",no photograph,2",
        "a.jpg,  ,3",
        "",
        "a.jpg,dog, on the left,4",
        'a.jpg,"a phrase, with\na comma",5',
        "a.jpg,again,1",
        "a.jpg",
        "a.jpg,without id,",
        "a.jpg,without id too,",
    ]
    sheet = sheet_of(tmp_path, "\n".join(lines))
    assert [(row.line, row.id) for row in sheet.rows] == [(2, "1"), (7, "5"), (11, ""), (12, "")]
    assert [(row.line, row.reason) for row in sheet.refused] == [
        (3, "no image"),
        (4, "no phrase"),
        (6, "4 cells where the header has 3: put a phrase with commas in quotes"),
        (9, "line 2 has the same id"),
        (10, "no phrase"),
    ]


@pytest.mark.parametrize(("header", "cells"), [("image,phrase", ";"), ("image;phrase", "\t"), ("image\tphrase", ",")])
def test_rows_apart_by_another_mark_than_the_header_are_told_so(tmp_path, header, cells) -> None:
    sheet = sheet_of(tmp_path, f"{header}\na.jpg{cells}left dog\n")
    (refused,) = sheet.refused
    assert sheet.rows == []
    assert refused.reason == (
        f"its cells are apart by {cells!r}, those of the first line by {header[5]!r}: use one of them throughout"
    )


def test_a_quotation_mark_left_open_loses_no_row_in_silence(tmp_path) -> None:
    lines = ["image,phrase", 'a.jpg,"left dog', "b.jpg,cat", 'c.jpg,"right" dog', 'd.jpg,5" pipe', 'e.jpg,"red cat']
    sheet = sheet_of(tmp_path, "\n".join([*lines, "f.jpg,dog", ""]))
    assert [(row.line, row.phrase) for row in sheet.rows] == [(5, '5" pipe')]
    assert [(row.line, row.reason) for row in sheet.refused] == [
        (2, "lines 2 to 4 are one row: a quotation mark is left open"),
        (6, "lines 6 to 7 are one row: a quotation mark is left open"),
    ]


def test_a_quotation_mark_that_closes_later_swallows_no_row(tmp_path) -> None:
    sheet = sheet_of(tmp_path, 'image,phrase\na.jpg,"left dog\nb.jpg,cat"\nc.jpg,dog\nd.jpg,"two\nlines"\n')
    assert [(row.line, row.phrase) for row in sheet.rows] == [(4, "dog"), (5, "two\nlines")]
    assert [(row.line, row.reason) for row in sheet.refused] == [
        (2, "lines 2 to 3 are one row: a quotation mark is left open"),
    ]
    swapped = sheet_of(tmp_path, 'phrase,image\n"left dog,a.jpg\ncat",b.jpg\n"two\nlines",c.jpg\n')
    assert [row.line for row in swapped.refused] == [2]
    assert [row.phrase for row in swapped.rows] == ["two\nlines"]


@pytest.mark.parametrize("column", ["id", "note"])
def test_a_comma_that_fits_the_header_is_no_silence(tmp_path, column) -> None:
    sheet = sheet_of(tmp_path, f"image,phrase,{column}\na.jpg,dog, on the left\na.jpg,dog,7\na.jpg,cat,\n")
    assert [row.line for row in sheet.rows] == [3, 4]
    assert sheet.refused[0].reason == "a comma, and then 'on the left': put a phrase with commas in quotes"


def test_ids_of_several_words_are_ids_where_all_are_such(tmp_path) -> None:
    sheet = sheet_of(tmp_path, "image,phrase,id\na.jpg,dog,on the left\na.jpg,dog,7\n")
    assert "the id 'on the left' is several words" in sheet.refused[0].reason
    assert sheet_of(tmp_path, "image,phrase,id\na.jpg,dog,row 1\na.jpg,cat,row 2\n").refused == []
    spaced = sheet_of(tmp_path, "image, phrase, id\na.jpg, left dog, 1\nb.jpg, cat, 2\n")
    assert [(row.phrase, row.id) for row in spaced.rows] == [("left dog", "1"), ("cat", "2")]


def test_an_image_on_the_web_is_not_fetched(tmp_path) -> None:
    sheet = sheet_of(tmp_path, "image,phrase\nHTTP://a.org/b.jpg,dog\n")
    assert sheet.rows == []
    assert "HTTP://a.org/b.jpg is an address" in sheet.refused[0].reason


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("image,phrase,Phrase\na.jpg,dog,cat\n", "two columns 'phrase'"),
        ("photo,phrase\na.jpg,dog\n", "no column 'image'"),
        ("", "no column 'image'"),
        ("image,phrase\n", "no rows"),
        (b"image,phrase\na.jpg,caf\xe9\n", "not UTF-8"),
        ('image,phrase\na.jpg,"' + "x" * 140_000, "line 2.*left open"),
    ],
)
def test_what_is_no_sheet_is_one_clear_line(tmp_path, content, said) -> None:
    with pytest.raises(DataError, match=said) as caught:
        sheet_of(tmp_path, content)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="cannot read sheet"):
        read_sheet(tmp_path / "none.csv")


def test_rows_of_an_image_come_together_and_are_dealt_evenly() -> None:
    rows = [SheetRow(line, f"{line * line % 7}.jpg", "dog", "") for line in range(2, 402)]
    groups = group_rows(rows)
    assert sorted(row.line for group in groups for row in group.rows) == list(range(2, 402))
    assert max(len(group.rows) for group in groups) == GROUP_ROWS
    assert [group.number for group in groups] == list(range(len(groups)))
    shares = [share_of(groups, process, 2) for process in range(2)]
    assert sorted(group.number for share in shares for group in share) == list(range(len(groups)))
    assert not {group.image for group in shares[0]} & {group.image for group in shares[1]}
    assert abs(sum(len(g.rows) for g in shares[0]) - sum(len(g.rows) for g in shares[1])) <= 115  # of the largest image


def test_each_image_is_encoded_once_and_each_mask_is_the_segmenters(segmenter, sheet, tmp_path, monkeypatch) -> None:
    calls = []
    encode = segmenter.encode
    monkeypatch.setattr(segmenter, "encode", lambda image: (calls.append(1), encode(image))[1])
    summary = segment_sheet(segmenter, sheet, tmp_path / "out", "rle", Process())
    assert len(calls) == 2
    assert (summary.rows, summary.segmented, summary.refused, summary.rejected) == (90, 90, 0, None)
    records = records_in(tmp_path / "out" / "results.jsonl")
    assert sorted(record["line"] for record in records) == list(range(2, 92))
    for record in records[::20]:
        expected = segmenter(tmp_path / record["image"], record["phrase"])
        size = record["segmentation"]["size"]
        np.testing.assert_array_equal(decode_segmentation(record["segmentation"], *size, ""), expected.mask)
        assert record["score"] == pytest.approx(expected.score, abs=1e-4)
        assert record["area"] == expected.mask.sum()


@pytest.mark.parametrize("output_format", ["png", "overlay", "polygon", "coco"])
def test_formats(segmenter, sheet, tmp_path, output_format) -> None:
    out = tmp_path / "out"
    summary = segment_sheet(segmenter, sheet, out, output_format, Process())
    if output_format == "coco":
        entries = json.loads(Path(summary.results).read_text())
        assert sorted(entry["sentence_id"] for entry in entries) == list(range(1000, 1090))
        assert {entry["file_name"] for entry in entries} == {"photo0.png", "photo1.png"}
        return
    records = records_in(Path(summary.results))
    assert sorted(record["id"] for record in records) == sorted(str(row) for row in range(1000, 1090))
    if output_format == "polygon":
        assert all((record["area"] > 0) == bool(record["polygons"]) for record in records)
        return
    pictures = {path.name for path in out.glob("*.png")}
    assert {record["file"] for record in records} == pictures
    if output_format == "overlay":
        assert pictures == {f"photo{image}{part}.overlay.png" for image in (0, 1) for part in ("", "-2")}
        return
    assert pictures == {f"{row}.png" for row in range(1000, 1090)}
    with Image.open(out / records[0]["file"]) as mask:
        assert np.count_nonzero(np.asarray(mask)) == records[0]["area"]


def test_refused_rows_are_listed_and_the_others_segmented(segmenter, tmp_path) -> None:
    write_sheet(tmp_path, 2, images=2)
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    lines = ["photo0.png,left circle", "broken.jpg,circle", "none.jpg,circle", "photo0.png,xyzzy", "photo1.png,"]
    sheet = sheet_of(tmp_path, "\n".join(["image,phrase", *lines, ""]))
    summary = segment_sheet(segmenter, sheet, tmp_path / "out", "rle", Process())
    assert (summary.rows, summary.segmented, summary.refused) == (5, 1, 4)
    with Path(summary.rejected).open(newline="") as file:
        refused = {row["line"]: row["reason"] for row in csv.DictReader(file)}
    assert list(refused) == ["3", "4", "5", "6"]
    for line, said in (("3", "not an image"), ("4", "no image at"), ("5", "known to the model"), ("6", "no phrase")):
        assert said in refused[line], refused


def test_what_was_refused_is_a_sheet_where_it_lies(segmenter, tmp_path, monkeypatch) -> None:
    folder = tmp_path / "data"
    (folder / "photos").mkdir(parents=True)
    write_sheet(tmp_path, 2, images=2)
    (tmp_path / "photo0.png").rename(folder / "photos" / "a.png")
    sheet = sheet_of(folder, "image,phrase\nphotos/a.png,circle\nphotos/a.png,xyzzy\nphotos/b.png,circle\n")
    out = tmp_path / "elsewhere" / "out"
    summary = segment_sheet(segmenter, sheet, out, "rle", Process())
    assert arrived_images(sheet, out) == []
    (tmp_path / "photo1.png").rename(folder / "photos" / "b.png")
    monkeypatch.chdir(tmp_path)
    again = read_sheet(Path(summary.rejected))
    assert [again.image_path(row.image).exists() for row in again.rows] == [True, True]
    assert segment_sheet(segmenter, again, tmp_path / "again", "rle", Process()).segmented == 1
    assert arrived_images(sheet, out) == ["photos/b.png"]


def test_coco_results_say_how_words_were_read(segmenter, tmp_path) -> None:
    write_sheet(tmp_path, 1, images=1)
    sheet = sheet_of(tmp_path, "image,phrase\nphoto0.png,flurble cirlce\n")
    summary = segment_sheet(segmenter, sheet, tmp_path / "out", "coco", Process())
    (entry,) = json.loads(Path(summary.results).read_text())
    assert (entry["unknown_words"], entry["read_as"], entry["cut_words"]) == (["flurble"], {"cirlce": "circle"}, [])
    assert entry["no_target"] is not bool(decode_segmentation(entry["segmentation"], 50, 36, "x").any())


def test_a_sheet_without_a_good_row_is_a_mistake_that_can_be_mended(segmenter, tmp_path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"no row of .*line 2: no image at none.jpg"):
        segment_sheet(segmenter, sheet_of(tmp_path, "image,phrase\nnone.jpg,circle\n"), out, "rle", Process())
    assert [path.name for path in out.iterdir()] == ["rejected.csv"]
    write_sheet(tmp_path, 1, images=1)
    mended = sheet_of(tmp_path, "image,phrase\nphoto0.png,circle\n")
    assert segment_sheet(segmenter, mended, out, "rle", Process()).segmented == 1
    assert not (out / "rejected.csv").exists()


def stop_behind(groups: int):
    """A progress callback that ends the run behind so many groups."""
    calls = []

    def progress(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == groups:
            raise KilledError

    return progress


def test_a_run_goes_on_with_other_processes_and_cuts_a_torn_line(segmenter, sheet, tmp_path) -> None:
    segment_sheet(segmenter, sheet, tmp_path / "whole", "coco", Process())
    expected = (tmp_path / "whole" / "results.json").read_bytes()
    out = tmp_path / "out"
    with pytest.raises(KilledError):
        segment_sheet(segmenter, sheet, out, "coco", Process(), stop_behind(2))
    part = out / UNFINISHED / "part-00000.jsonl"
    part.write_bytes(part.read_bytes()[:-40])  # the second of four groups is torn
    (out / ".1000.png.77.tmp").touch()
    with pytest.raises(KilledError):
        segment_sheet(segmenter, sheet, out, "coco", Process(), stop_behind(1))
    assert segment_sheet(segmenter, sheet, out, "coco", Process(1, 2)) is None
    segment_sheet(segmenter, sheet, out, "coco", Process(0, 2))
    assert (out / "results.json").read_bytes() == expected
    assert sorted(path.name for path in out.iterdir()) == ["results.json", "sheet.json"]


def test_a_finished_sheet_is_not_answered_again(segmenter, sheet, tmp_path, monkeypatch) -> None:
    first = segment_sheet(segmenter, sheet, tmp_path / "out", "rle", Process())
    monkeypatch.setattr(segmenter, "encode", None)
    assert segment_sheet(segmenter, sheet, tmp_path / "out", "rle", Process()) == first
    assert not (tmp_path / "out" / UNFINISHED).exists()


def test_other_settings_and_a_second_run_are_refused(segmenter, sheet, tmp_path) -> None:
    out = tmp_path / "out"

    def second(done: int, total: int) -> None:
        with pytest.raises(OutputError, match="another run is writing"):
            segment_sheet(segmenter, sheet, out, "rle", Process())
        raise KilledError

    with pytest.raises(KilledError):
        segment_sheet(segmenter, sheet, out, "rle", Process(), second)
    with pytest.raises(OutputError, match="another format: choose another -o"):
        segment_sheet(segmenter, sheet, out, "coco", Process())
    with pytest.raises(OutputError, match="another sheet"):
        segment_sheet(segmenter, sheet_of(tmp_path, "image,phrase\nphoto0.png,circle\n"), out, "rle", Process())
    next(segmenter.model.generator.parameters()).data.add_(1)
    with pytest.raises(OutputError, match="another model"):
        segment_sheet(segmenter, sheet, out, "rle", Process())


def test_a_worker_that_outlives_its_killed_run_keeps_others_out(tmp_path) -> None:
    with FolderLock(tmp_path) as main, FolderLock(tmp_path) as worker:
        main.take_alone()
        with pytest.raises(OutputError, match="another run"):
            worker.share()
        main.share()
        worker.share()
        main.__exit__(None, None, None)
        with FolderLock(tmp_path) as second, pytest.raises(OutputError, match="another run"):
            second.take_alone()
    with FolderLock(tmp_path) as second:
        second.take_alone()


def test_a_journal_counts_whole_lines_only(tmp_path) -> None:
    for process, group in ((0, 1), (1, 0), (0, 2)):
        with JournalWriter(tmp_path, process) as journal:
            journal.append(group, {"rows": [{"phrase": "größte\u2028 dog"}] * group})
    part = tmp_path / "part-00000.jsonl"
    content = part.read_bytes()
    start = content[:-1].rfind(b"\n") + 1
    for cut in range(start, len(content) + 1):
        part.write_bytes(content[:cut])
        repair(tmp_path)
        whole = cut == len(content)
        assert part.read_bytes() == (content if whole else content[:start])
        groups = [record["group"] for record in read_records(read_places(tmp_path))]
        assert groups == ([0, 1, 2] if whole else [0, 1])
    part.write_bytes(b"\0" * 10 + b"\n")
    with pytest.raises(OutputError, match="damaged"):
        read_places(tmp_path)
