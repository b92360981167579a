"""Every command, end to end, on the CPU."""

import json

import numpy as np
import pytest
from PIL import Image

from asgn.cli import main as cli

OPTIONS = ("--batch-size", 4, "--workers", 0, "--quiet", "--cpu", "--image-size", 64, "--validation-limit", 2)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cli") / "run"


def test_train_evaluate_segment(asgn, run_folder, photograph, tmp_path):
    trained = asgn(
        "train",
        "M+LSTM+DE+SE+AT",
        "--data",
        "synthetic",
        "--out",
        run_folder,
        "--weights",
        "random",
        "--steps",
        2,
        *OPTIONS,
    )
    assert trained.code == 0, trained.err
    assert "best.safetensors" in trained.out
    assert (run_folder / "run.json").is_file()
    assert any((run_folder / "tensorboard").iterdir())

    scores = tmp_path / "scores.json"
    arguments = ("--data", "synthetic", "--split", "val", "--limit", 3, "--control", "--json", scores)
    evaluated = asgn("evaluate", run_folder, *arguments, "--device", "cpu")
    assert evaluated.code == 0, evaluated.err
    assert "oIoU" in evaluated.out
    result = json.loads(scores.read_text())
    assert result["protocol"] == "clean"
    assert result["split"] == "val"
    assert result["fingerprint"]
    assert {"oIoU", "mIoU", "Pr@0.5", "Pr@0.9"} <= result["scores"].keys()
    assert result["control"]["phrases"] == "shuffled"

    segmented = asgn("segment", photograph, "left circle", "the star", "--model", run_folder, "-o", tmp_path / "masks")
    assert segmented.code == 0, segmented.err
    masks = sorted((tmp_path / "masks").glob("*.png"))
    assert len(masks) == 2
    with Image.open(masks[0]) as mask:
        assert mask.size == (60, 40)
        assert set(np.unique(np.asarray(mask))) <= {0, 255}

    resumed = asgn(
        "train", "M+LSTM+DE+SE+AT", "--data", "synthetic", "--out", run_folder, "--steps", 3, "--resume", *OPTIONS
    )
    assert resumed.code == 0, resumed.err


@pytest.mark.parametrize(
    ("output_format", "files"),
    [("png", 2), ("rle", 1), ("coco", 1), ("polygon", 1), ("overlay", 1)],
)
def test_output_formats(asgn, model_file, photograph, tmp_path, output_format, files):
    out = tmp_path / "out"
    outcome = asgn("segment", photograph, "circle", "star", "--model", model_file, "-o", out, "--format", output_format)
    assert outcome.code == 0, outcome.err
    written = sorted(out.iterdir())
    assert len(written) == files
    if output_format in ("png", "overlay"):
        for path in written:
            with Image.open(path) as picture:
                assert picture.size[0] >= 60
    elif output_format == "coco":
        assert [entry["segmentation"]["size"] for entry in json.loads(written[0].read_text())] == [[40, 60]] * 2
    else:
        records = [json.loads(line) for line in written[0].read_text().splitlines()]
        assert [record["phrase"] for record in records] == ["circle", "star"]


def test_segment_for_machines(asgn, model_file, photograph, tmp_path):
    outcome = asgn("segment", photograph, "left flurble circle", "--model", model_file, "-o", tmp_path, "--json")
    record = json.loads(outcome.out)[0]["phrases"][0]
    assert record["phrase"] == "left flurble circle"
    assert record["unknown_words"] == ["flurble"]
    assert 0 <= record["score"] <= 1


def test_unknown_words_are_said(asgn, model_file, photograph, tmp_path):
    outcome = asgn("segment", photograph, "left flurble circle", "--model", model_file, "-o", tmp_path)
    assert "unknown to the model: flurble" in outcome.err


def test_info_gives_the_figures_of_table_5(asgn):
    plain = json.loads(asgn("info", "R+LSTM", "--json").out)
    assert plain["trainable_parameters"] == 23_170_001
    assert f"{plain['checkpoint_megabytes']:.2f}" == "448.46"
    assert json.loads(asgn("info", "R+RMI", "--json").out)["trainable_parameters"] == 29_183_501
    full = json.loads(asgn("info", "R+LSTM+DE+SE+AT", "--json").out)
    assert f"{full['checkpoint_megabytes']:.2f}" == "481.23"


def test_doctor_finds_the_known_answer(asgn, model_file):
    outcome = asgn("doctor", "--model", model_file, "--data", "synthetic", "--json")
    assert outcome.code == 0, outcome.out
    checks = {check["name"]: check for check in json.loads(outcome.out)}
    assert checks["known answer"]["passed"]
    assert checks["data"]["passed"]


def test_doctor_reports_what_is_broken(asgn, tmp_path):
    outcome = asgn("doctor", "--model", tmp_path / "none")
    assert outcome.code == 1
    assert "FAIL  model" in outcome.out


def test_demo_writes_a_report_with_its_pictures(asgn, tmp_path):
    outcome = asgn("demo", "--out", tmp_path / "demo", "--steps", 2, "--scenes", 6, "--quiet")
    assert outcome.code == 0, outcome.err
    page = (tmp_path / "demo" / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert ">the cat<" in page
    assert "shuffled (control)" in page
    for name in ("box.png", "examples.png", "segmentation.png", "adversarial.png"):
        with Image.open(tmp_path / "demo" / name) as picture:
            assert picture.size[0] > 300


COMMANDS = [
    "app", "demo", "doctor", "evaluate", "export", "info", "plan", "probe", "reproduce", "score", "segment", "train",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(asgn, command):
    outcome = asgn(command, "--help")
    assert outcome.code == 0
    assert "Example" in outcome.out


def test_no_command_is_left_out():
    names = {command.name or command.callback.__name__ for command in cli.app.registered_commands}
    assert names == set(COMMANDS)


def test_the_command_starts_as_a_process(asgn_process):
    assert asgn_process("--version").out.strip()
    wrong = asgn_process("info", "R+LTSM")
    assert wrong.code == 2
    assert wrong.err.count("\n") == 1
