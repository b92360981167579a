"""Checkpoints: whole, strict, and exact."""

import pytest
import torch

import asgn
from asgn.checkpoint import load_model, read_tensors, save_model, write_presence, write_tensors
from asgn.errors import CheckpointError, OutputError
from asgn.experiments.doctor import run_checks
from asgn.models.weights_file import load_exactly


def logits_of(model):
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    tokens = torch.tensor([[4, 5, 6], [5, 4, 0]])
    with torch.inference_mode():
        return model.generator.eval()(images, torch.tensor([0, 1]), tokens, torch.tensor([3, 2])).pixels


def test_saved_then_loaded_logits_are_equal_bit_for_bit(tiny_model, tmp_path):
    save_model(tmp_path / "model.safetensors", tiny_model)
    loaded = load_model(tmp_path)
    assert torch.equal(logits_of(loaded), logits_of(tiny_model))
    assert loaded.config == tiny_model.config
    assert loaded.vocabulary.words == tiny_model.vocabulary.words
    assert loaded.vocabulary.strip is tiny_model.vocabulary.strip


def test_half_precision_halves_the_file_and_loads_as_float32(tiny_model, tmp_path):
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    save_model(whole, tiny_model)
    save_model(half, tiny_model, half_precision=True)
    loaded = load_model(half)
    for name, tensor in loaded.generator.state_dict().items():
        assert tensor.dtype == tiny_model.generator.state_dict()[name].dtype
        torch.testing.assert_close(tensor, tiny_model.generator.state_dict()[name], rtol=2**-11, atol=2**-25)
    weights = sum(tensor.numel() for tensor in tiny_model.generator.state_dict().values())
    assert whole.stat().st_size - half.stat().st_size == pytest.approx(2 * weights, rel=0.01)
    torch.testing.assert_close(logits_of(loaded), logits_of(tiny_model), rtol=0, atol=0.02)


def test_half_precision_keeps_what_it_cannot_hold(tiny_model, tmp_path):
    with torch.no_grad():
        tiny_model.generator.head.score.bias.fill_(1e6)
    save_model(tmp_path / "model.safetensors", tiny_model, half_precision=True)
    assert load_model(tmp_path).generator.head.score.bias.item() == 1e6


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_cut_file_is_refused(tiny_model, tmp_path, keep):
    path = tmp_path / "model.safetensors"
    save_model(path, tiny_model)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_model(path)


def test_one_flipped_bit_is_found(tiny_model, tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path, tiny_model)
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(path)


def test_a_foreign_safetensors_file_is_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="not a checkpoint of asgn"):
        load_model(tmp_path / "other.safetensors")


def test_a_missing_model_and_an_empty_folder_are_told_apart(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        load_model(tmp_path / "none")
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("head.score.weight"), "lacks 1 tensors"),
        (lambda state: state.update(stray=torch.zeros(1)), "unknown 1 tensors"),
        (lambda state: state.update({"head.score.weight": torch.zeros(3)}), "other shapes for 1 tensors"),
    ],
)
def test_loading_is_strict(tiny_model, change, message):
    state = dict(tiny_model.generator.state_dict())
    change(state)
    with pytest.raises(CheckpointError, match=message):
        load_exactly(tiny_model.generator, state, "the file")


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "state.safetensors"
    write_tensors(path, {"a": torch.ones(2)}, {})

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("asgn.checkpoint.save_file", fail)
    with pytest.raises(OutputError, match="No space left"):
        write_tensors(path, {"a": torch.zeros(2)}, {})
    monkeypatch.undo()
    assert torch.equal(read_tensors(path)[0]["a"], torch.ones(2))
    assert list(tmp_path.iterdir()) == [path]


def test_numbers_that_are_not_finite_are_refused_wherever_a_model_is_read(tiny_model, tmp_path):
    for value in (float("nan"), float("inf")):
        tiny_model.generator.head.score.bias.data.fill_(value)
        save_model(tmp_path / "best.safetensors", tiny_model)
        for read in (load_model, asgn.load, lambda path: write_presence(path, None)):
            with pytest.raises(CheckpointError, match=r"not finite .*its training diverged"):
                read(tmp_path)
        (check,) = [check for check in run_checks(str(tmp_path), None, None, "val") if check.name == "model"]
        assert not check.passed
