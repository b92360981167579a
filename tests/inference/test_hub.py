"""Models kept in folders and shared on a hub; no test asks the network."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import huggingface_hub
import pytest
import torch

from asgn.checkpoint import save_model
from asgn.data.checks.image_origin import ImageLists
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.errors import CheckpointError, MissingExtraError, OutputError
from asgn.experiments.runs.leaks import check_leaks
from asgn.inference.load import load
from asgn.inference.sharing.hub import fetch_pretrained


def logits(segmenter, photograph):
    return segmenter(photograph, "left circle").pixel_logits


@pytest.mark.parametrize("name", ["model", "model/model.safetensors"])
def test_a_saved_folder_gives_the_same_answers(segmenter, photograph, tmp_path, name):
    segmenter.save_pretrained(tmp_path / "model")
    loaded = load(tmp_path / name)
    assert torch.equal(logits(loaded, photograph), logits(segmenter, photograph))


def test_the_description_is_for_reading(segmenter, tmp_path):
    segmenter.save_pretrained(tmp_path)
    description = json.loads((tmp_path / "config.json").read_text())
    assert description["model"]["variant"] == "M+LSTM+DE+SE+AT"
    assert description["vocabulary"]["words"] == list(segmenter.vocabulary.words)


def test_the_card_tells_where_a_model_comes_from(segmenter, tmp_path):
    stamp = check_leaks(SyntheticDataset("train", scenes=2, size=64), ImageLists(), None, False)
    segmenter.model.provenance.update(
        data={"name": "synthetic", "split": "train", "fingerprint": "abc", "licence": "CC0"},
        backbone={"source": "weights.pth", "sha256": "123", "trained_on": ["ImageNet"]},
        leaks=stamp.to_json(),
        scores={"synthetic/val": {"oIoU": 55.61, "images": 100}},
    )
    segmenter.save_pretrained(tmp_path / "mine")
    card = (tmp_path / "mine" / "README.md").read_text()
    for told in ("# mine", "`synthetic`, split train", "CC0", "weights.pth", "ImageNet", "55.6 | 100", stamp.line()):
        assert told in card
    assert card.startswith("---\nlicense: apache-2.0\n")


def test_a_card_says_what_is_not_recorded(segmenter, tmp_path):
    segmenter.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text().count("Not recorded.") == 4


class StubApi:
    """Keeps what would be uploaded."""

    calls: ClassVar[list] = []

    def __init__(self, token=None):
        self.calls.append(("token", token))

    def create_repo(self, repo_id, private, exist_ok):
        self.calls.append(("create", repo_id, private, exist_ok))

    def upload_folder(self, repo_id, folder_path, commit_message):
        files = {path.name: path.stat().st_size for path in Path(folder_path).iterdir()}
        self.calls.append(("upload", repo_id, files))
        return SimpleNamespace(commit_url=f"https://hub/{repo_id}/commit/1")


def test_pushing_uploads_the_folder(segmenter, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "HfApi", StubApi)
    monkeypatch.setattr(StubApi, "calls", [])
    address = segmenter.push_to_hub("me/mine", private=True)
    assert address == "https://hub/me/mine/commit/1"
    assert StubApi.calls[1] == ("create", "me/mine", True, True)
    assert set(StubApi.calls[2][2]) == {"model.safetensors", "config.json", "README.md"}


def test_a_repository_is_loaded_from_its_snapshot(segmenter, photograph, tmp_path, monkeypatch):
    segmenter.save_pretrained(tmp_path)
    asked = []
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, **rest: (asked.append((name, rest["revision"])), tmp_path)[1]
    )
    loaded = load("me/mine", revision="v1")
    assert asked == [("me/mine", "v1")]
    assert torch.equal(logits(loaded, photograph), logits(segmenter, photograph))


def failing(*_, **__):
    raise ConnectionError("no route to host\nand a long story")


def test_without_a_network_there_is_one_line(segmenter, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", failing)
    monkeypatch.setattr(StubApi, "upload_folder", failing)
    monkeypatch.setattr(huggingface_hub, "HfApi", StubApi)
    with pytest.raises(CheckpointError, match=r"me/mine .*no route to host") as caught:
        load("me/mine")
    assert "\n" not in str(caught.value)
    with pytest.raises(OutputError, match=r"cannot upload to me/mine .no route to host") as refused:
        segmenter.push_to_hub("me/mine")
    assert "\n" not in str(refused.value)


def test_the_hubs_offline_mode_is_one_line(monkeypatch, tmp_path):
    """As it really is: the library, told to stay offline, and nothing downloaded before."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match="could not be had from huggingface") as caught:
        fetch_pretrained("nobody/nothing")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere", "a/b/c", "runs/none.safetensors", "-/x"])
def test_what_is_no_repository_is_not_asked_for(name, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", failing)
    with pytest.raises(CheckpointError, match="does not exist"):
        fetch_pretrained(name)


def test_the_extra_is_named(segmenter, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"asgn\[hub\]"):
        segmenter.push_to_hub("me/mine")


def test_a_missing_run_is_not_looked_for_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", failing)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    with pytest.raises(CheckpointError, match="runs/mine does not exist"):
        load("runs/mine")


def test_the_model_in_the_box_is_found_or_missed(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr("asgn.inference.load.BOX", tmp_path)
    with pytest.raises(CheckpointError, match=r"asgn-mobile\.safetensors is missing.*--model"):
        load()
    save_model(tmp_path / "asgn-mobile.safetensors", tiny_model, half_precision=True)
    for name in (None, "asgn-mobile"):
        assert load(name, "cpu").vocabulary.words == tiny_model.vocabulary.words
