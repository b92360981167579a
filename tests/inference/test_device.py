"""What a processor can do, and what is said of it."""

import pytest

from asgn.config import TrainConfig
from asgn.experiments.runs.assembly import accelerator_of
from asgn.inference import device


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16 sse\n", True),
        ("flags\t\t: fpu avx2 avx512f\nflags\t\t: fpu avx2 avx512f\n", False),
        ("Features\t: fp asimd bf16\n", True),
        ("processor : 0\n", None),
        (None, None),
    ],
)
def test_bfloat16_arithmetic_is_read_off_the_processors_flags(text, answer, tmp_path, monkeypatch):
    path = tmp_path / "cpuinfo"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(device, "_PROCESSOR", path)
    assert device.processor_has_bfloat16() is answer


@pytest.mark.parametrize(("flags", "is_said"), [("avx2", True), ("avx2 avx512_bf16", False)])
def test_slow_bfloat16_is_said_with_what_is_fast(flags, is_said, tmp_path, monkeypatch, caplog):
    (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
    monkeypatch.setattr(device, "_PROCESSOR", tmp_path / "cpuinfo")
    monkeypatch.setattr("asgn.experiments.runs.assembly.Accelerator", FakeAccelerator)
    accelerator_of(TrainConfig(precision="bf16"), cpu=True)
    assert ("--precision no" in caplog.text) == is_said
    caplog.clear()
    accelerator_of(TrainConfig(precision="no"), cpu=True)
    assert not caplog.text


class FakeAccelerator:
    """The suite's one Accelerator has its precision for good."""

    def __init__(self, cpu, mixed_precision):
        self.device = device.torch.device("cpu")
