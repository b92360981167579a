"""`asgn reproduce` as a user calls it."""

import pytest

from asgn.experiments.reproduce import config
from tests.experiments.reproduce.conftest import Scenes

TINY_RUN = (
    "--backbone", "M", "--data", "synthetic", "--weights", "random", "--image-size", 64, "--batch-size", 2, "--cpu",
    "--workers", 0, "--steps", 1, "--limit", 2, "--validation-limit", 1, "--splits", "val",
)  # fmt: skip


@pytest.fixture
def few_scenes(monkeypatch):
    monkeypatch.setattr(config, "open_dataset", lambda name, root, split: Scenes(name, split))


@pytest.mark.usefixtures("few_scenes")
def test_a_table_from_the_command_line(asgn, tmp_path):
    done = asgn("reproduce", "table2", *TINY_RUN, "--rows", "M+LSTM,M+LSTM+DE(conv4,conv5)", "--out", tmp_path)
    assert done.code == 0, done.err
    assert [line.rpartition(".")[2] for line in done.out.split()] == ["html", "md", "png"]
    assert "[2/2] M+LSTM+DE(conv4,conv5), seed 0" in done.err
    page = (tmp_path / "table2-synthetic.md").read_text()
    assert "image_size = 64" in page
    assert "asgn reproduce table2 --backbone M" in page


@pytest.mark.usefixtures("few_scenes")
def test_the_rows_of_a_vision_transformer(asgn, tmp_path):
    options = [one if one != "M" else "V" for one in TINY_RUN]
    done = asgn("reproduce", "table2", *options, "--vit-name", "test_vit", "--rows", "V+LSTM+DE+SE", "--out", tmp_path)
    assert done.code == 0, done.err
    assert "vit_name = test_vit" in (tmp_path / "table2-synthetic.md").read_text()


@pytest.mark.usefixtures("few_scenes")
def test_a_failed_row_gives_exit_code_1(asgn, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "synthetic-M+LSTM-seed0").write_text("in the way")
    done = asgn("reproduce", "table2", *TINY_RUN, "--rows", "M+LSTM", "--out", tmp_path)
    assert done.code == 1
    assert "1 of 1 runs failed: M+LSTM, seed 0: cannot write to folder" in done.err


@pytest.mark.usefixtures("few_scenes")
@pytest.mark.parametrize("folder", ["--out", "--runs"])
def test_a_folder_that_cannot_be_written_is_said_before_training(folder, asgn, tmp_path):
    (tmp_path / "file").write_text("in the way")
    folders = {"--out": tmp_path / "pages", folder: tmp_path / "file" / "below"}
    done = asgn("reproduce", "table2", *TINY_RUN, *(word for pair in folders.items() for word in pair))
    assert (done.code, done.err) == (2, f"asgn: cannot write to folder {tmp_path}/file/below: Not a directory; "
                                     "choose another one\n")  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("table9", "--out", "x"), "unknown table or figure 'table9': choose one of table1"),
        (("table2", "--out", "x", "--data", "unc"), "data set unc needs its folder: give it with --root"),
        (("table2", "--out", "x", "--data", "nuc"), "unknown data set 'nuc': did you mean 'unc'"),
        (("table2", "--out", "x", "--seeds", "zero"), "--seeds 'zero' are no numbers"),
        (("table2", "--out", "x", "--image-size", 100), "--image-size 100 cannot be used"),
        (("table2", "--out", "x", "--data", "synthetic", "--backbone", "M"), "the backbone M has no weights"),
        (("table1", "--out", "x", "--data", "synthetic", "--weights", __file__), "one file cannot be the weights of"),
        (("table2", "--out", "x", "--data", "synthetic", "--ce-reduction", "both"), "--ce-reduction both is for"),
        (("table2", "--out", "x", "--data", "synthetic", "--splits", "train"), "split 'train' is what the rows"),
        (("table2", "--out", "x", "--data", "synthetic", "--rows", "R+LTSM"), "unknown variant 'R+LTSM'"),
    ],
)
def test_a_mistake_is_one_line(arguments, line, asgn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = asgn("reproduce", *arguments)
    assert done.code == 2
    assert done.err.startswith(f"asgn: {line}")
    assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
