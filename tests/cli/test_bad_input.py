"""A user's mistake is one clear line on stderr and exit code 2, and leaves nothing half-written."""

import os
import struct
import zlib

import pytest


def bomb_png(side: int) -> bytes:
    """A PNG whose header promises side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture
def refused(asgn, tmp_path):
    """The one line that refuses a command; no result may appear beside the inputs."""

    def call(*arguments: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        outcome = asgn(*arguments)
        assert outcome.code == 2, outcome.err
        assert outcome.err.count("\n") == 1, outcome.err
        assert "Traceback" not in outcome.err
        assert outcome.out == ""
        assert sorted(tmp_path.rglob("*")) == before
        return outcome.err

    return call


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.png", b"", "empty"),
        ("text.jpg", b"I am a letter, not a picture.", "not an image"),
        ("bomb.png", bomb_png(50_000), "2500 megapixels|pixels"),
        ("half.jpg", None, "cut short|truncated|damaged"),
    ],
)
def test_bad_images(refused, model_file, photograph, tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(photograph.read_bytes()[:400] if content is None else content)
    message = refused("segment", path, "left circle", "--model", model_file, "-o", tmp_path)
    assert name in message
    assert any(word in message for word in said.split("|")), message


def test_a_missing_image(refused, model_file, tmp_path):
    message = refused("segment", tmp_path / "nowhere.jpg", "left circle", "--model", model_file, "-o", tmp_path)
    assert "nowhere.jpg" in message


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("", "holds no word"),
        ("   ", "holds no word"),
        ("xyzzy plugh", "no word of the phrase"),
        ("circle " * 200, "200 words"),
    ],
)
def test_bad_phrases(refused, model_file, photograph, tmp_path, phrase, said):
    assert said in refused("segment", photograph, phrase, "--model", model_file, "-o", tmp_path)


def test_images_without_phrases_and_phrases_without_images(refused, model_file, photograph):
    assert "no phrase" in refused("segment", photograph, "--model", model_file)
    assert "no image" in refused("segment", "left circle", "--model", model_file)


@pytest.mark.parametrize("name", ["R+LTSM", "r+lstm", "D+RMI+CRF"])
def test_a_wrong_variant_gets_the_nearest_right_one(refused, tmp_path, name):
    message = refused("train", name, "--data", "synthetic", "--out", tmp_path / "run")
    nearest = {"R+LTSM": "R+LSTM", "r+lstm": "R+LSTM", "D+RMI+CRF": "D+RMI+DCRF"}[name]
    assert f"did you mean '{nearest}'" in message
    assert nearest in refused("info", name)


def test_sizes_that_no_grid_fits(refused, tmp_path):
    arguments = ("train", "M+LSTM", "--data", "synthetic", "--out", tmp_path / "run")
    assert "multiple of 16" in refused(*arguments, "--image-size", 100)


@pytest.mark.parametrize("option", ["--batch-size", "--steps", "--phrases-per-image"])
def test_counts_start_at_one(asgn, tmp_path, option):
    outcome = asgn("train", "M+LSTM", "--data", "synthetic", "--out", tmp_path / "run", option, 0)
    assert outcome.code == 2
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "run").exists()


def test_a_precision_that_the_device_lacks(asgn_process, tmp_path):
    """In a process of its own, since a failed start leaves its mark on the next one."""
    arguments = ("train", "M+LSTM", "--data", "synthetic", "--out", tmp_path / "run")
    outcome = asgn_process(*arguments, "--precision", "fp16", "--cpu")
    assert outcome.code == 2
    assert "Traceback" not in outcome.err
    assert "--precision fp16 cannot be used here" in outcome.err


def test_dense_crf_is_not_trained(refused, tmp_path):
    assert "R+LSTM" in refused("train", "R+LSTM+DCRF", "--data", "synthetic", "--out", tmp_path / "run")


def test_a_corrupt_checkpoint(refused, photograph, tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(os.urandom(2000))
    message = refused("segment", photograph, "left circle", "--model", tmp_path / "bad.safetensors", "-o", tmp_path)
    assert "bad.safetensors" in message


def test_a_missing_checkpoint(refused, photograph, tmp_path):
    message = refused("segment", photograph, "left circle", "--model", tmp_path / "none", "-o", tmp_path)
    assert "does not exist" in message


def test_a_wrong_split_lists_those_there_are(refused, model_file):
    message = refused("evaluate", model_file, "--data", "synthetic", "--split", "testA")
    assert all(split in message for split in ("train", "val", "test"))


def test_a_wrong_data_set_gets_the_nearest(refused, model_file):
    assert "did you mean 'unc'" in refused("evaluate", model_file, "--data", "uncc", "--split", "val")


def test_a_data_set_without_its_folder(refused, model_file, tmp_path):
    assert "--root" in refused("evaluate", model_file, "--data", "unc", "--split", "val")
    assert "nowhere" in refused(
        "evaluate", model_file, "--data", "unc", "--split", "val", "--root", tmp_path / "nowhere"
    )


def test_an_output_folder_that_is_a_file(refused, model_file, photograph, tmp_path):
    message = refused("segment", photograph, "left circle", "--model", model_file, "-o", photograph / "masks")
    assert "cannot write" in message
    assert "cannot write" in refused("train", "M+LSTM", "--data", "synthetic", "--out", photograph / "run")


def test_weights_that_are_none(refused, tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"nothing")
    arguments = ("train", "M+LSTM", "--data", "synthetic", "--steps", 1)
    message = refused(*arguments, "--out", tmp_path, "--weights", tmp_path / "weights.safetensors")
    assert "weights.safetensors" in message
    assert "--weights" in refused(*arguments, "--out", tmp_path)
