"""docs/own-generator.md, block by block: its code is written into files, its commands are run."""

import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from asgn.checkpoint import Model, load_model, read_tensors
from asgn.cli import main as cli
from asgn.config import LossConfig, ModelConfig, TrainConfig
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.data.types import Batch
from asgn.data.vocabulary import Vocabulary
from asgn.errors import CheckpointError, VariantError
from asgn.inference.segmenter import Segmenter
from asgn.models.build import build_generator
from asgn.models.discriminator import Discriminator
from asgn.models.generator import Prediction
from asgn.models.upsampling import LegacyBilinear
from asgn.training.loop import LAST, PREVIOUS
from asgn.training.optimizers import adam
from asgn.training.step import AdversarialStep, GridLoss, SupervisedStep
from tests.models.tiny_clipseg import write_tiny_clipseg

PAGE = Path(__file__).parents[1] / "docs" / "own-generator.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEXT = PAGE.read_text(encoding="utf-8")
CODE = {text.split("\n")[0].removeprefix("# "): text for kind, text in BLOCK.findall(TEXT) if kind == "python"}
COMMANDS = [line for kind, text in BLOCK.findall(TEXT) if not kind for line in text.replace("\\\n", " ").splitlines()]
MAX_LINES = 40
"""Of one's own code for a generator; the toy takes fewer."""
DEADLINE = 300.0
"""Seconds after which a run that writes nothing counts as hung."""
QUICKLY = ["--cpu", "--quiet", "--workers", "0", "--validation-limit", "1"]


@pytest.fixture
def place(tmp_path, monkeypatch) -> Iterator[Path]:
    """A working folder with the page's files, out of which nothing stays imported."""
    for name, text in CODE.items():
        (tmp_path / name).write_text(text)
    scene = SyntheticDataset("val", scenes=1, size=64)
    Image.fromarray(scene.image(scene.expressions[0].image_id)).save(tmp_path / "street.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delenv("ASGN_TRUST", raising=False)
    yield tmp_path
    for name in CODE:
        sys.modules.pop(Path(name).stem, None)


@pytest.fixture
def run(monkeypatch, capfd):
    """Run a line of the page in this process; gives what a command printed as errors."""

    def call(line: str, code: int = 0) -> str:
        if line.startswith("export "):
            monkeypatch.setenv(*line.removeprefix("export ").split("="))
            return ""
        monkeypatch.setattr(sys, "argv", [*shlex.split(line), *(QUICKLY if " train " in line else [])])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        errors = capfd.readouterr().err
        assert int(stop.value.code or 0) == code, errors
        return errors

    return call


def commands(name: str) -> list[str]:
    """The lines about one of the page's models."""
    return [line for line in COMMANDS if re.search(rf"\b({name})\b", line)]


def kill_and_resume(run, train: str, name: str) -> None:
    """Train as the page says, and again with a kill in between: both end alike."""
    folder, killed = Path("runs") / name, Path("runs") / "killed"
    broken = train.replace(str(folder), str(killed))
    kill_in_the_middle(broken, killed)
    for line in (train, f"{broken} --resume"):
        run(line)
    assert_ended_alike(killed, folder)


def kill_in_the_middle(line: str, folder: Path) -> None:
    """Start a command in a process of its own that finds no module here by itself, and kill it between its steps."""
    start = "from asgn.cli.main import main; main()"
    given = [*shlex.split(line)[1:], *QUICKLY, "--checkpoint-every", "1"]
    with subprocess.Popen([sys.executable, "-P", "-c", start, *given]) as process:
        try:
            deadline = time.monotonic() + DEADLINE
            while not (folder / PREVIOUS).exists():
                assert process.poll() is None, "the run ended before its kill"
                assert time.monotonic() < deadline, "the run hangs"
                time.sleep(0.01)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL


def assert_ended_alike(one: Path, other: Path) -> None:
    (tensors, header), (others, other_header) = read_tensors(one / LAST), read_tensors(other / LAST)
    assert tensors.keys() == others.keys()
    assert all(torch.equal(tensor, others[name]) for name, tensor in tensors.items())
    assert header["training"] == other_header["training"]


def test_own_code_stays_short():
    for name, text in CODE.items():
        assert len([line for line in text.splitlines() if line and not line.startswith("#")]) <= MAX_LINES, name


def test_the_toy_goes_through_all_commands_and_survives_a_kill(place, run):
    train, *after = commands("toy")
    kill_and_resume(run, train, "toy")
    for line in [*after, "asgn info toy:Toy+AT"]:
        run(line)
    assert '"oIoU"' in (place / "toy-scores.json").read_text()
    assert len(list((place / "masks").glob("*.png"))) == 2


def test_clipseg_goes_through_all_commands_and_survives_a_kill(place, run):
    """By a tiny one of random weights that lies where its name on huggingface.co is looked for first."""
    pytest.importorskip("transformers")
    write_tiny_clipseg(place / "CIDAS" / "clipseg-rd64-refined")
    segment, train, *after = commands("clipseg-rd64-refined|runs/clipseg")
    assert "unknown" not in run(segment)
    kill_and_resume(run, train, "clipseg")
    for line in after:
        run(line)
    assert '"oIoU"' in (place / "clipseg-scores.json").read_text()
    assert len(list((place / "clipseg-masks").glob("*.png"))) == 2
    model = load_model(place / "runs" / "clipseg")
    assert model.config.variant == "asgn.models.clipseg:build+DE+SE+AT"
    assert model.vocabulary.encode("zyxwv").unknown == ()
    exec(compile(CODE["mine.py"], "mine.py", "exec"), {})


def test_layers_of_ones_own_take_de_and_se(place, run):
    (train,) = commands("layered")
    run(train)
    model = load_model(place / "runs" / "layered", "layered:Layered")
    assert model.config.variant == "layered:Layered+DE+SE+AT"
    moved = read_tensors(place / "runs" / "layered" / LAST)[0]
    torch.manual_seed(0)
    fresh = build_generator(model.config, named_by_user=True).state_dict()
    for name in ("detail.reduce.conv3.weight", "head.semantic.weight", "backbone.conv3.weight", "words.weight"):
        assert not torch.equal(moved[f"generator.{name}"], fresh[name]), name


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("toy:Toy+DE", "toy:Toy builds no DetailEnhancement for toy:Toy+DE: leave out +DE, or have it heed"),
        ("toy:Toy+SE", "toy:Toy builds no SemanticMaskHead for toy:Toy+SE: leave out +SE, or have it heed"),
        ("toy:always", "toy:always builds a SemanticMaskHead for toy:always: give +SE, or have it heed"),
        ("toy:Tyo", "toy has no function Tyo: give MODULE:FUNCTION, such as toy:build"),
        ("tyo:Toy", "cannot import tyo (No module named 'tyo'): give MODULE:FUNCTION as Python finds it here"),
        ("toy:torch", "toy has no function torch"),
        ("toy:dict", "toy:dict gives a dict: have it give a subclass of asgn.models.generator.Generator"),
        ("toy:Toy+WHAT", "unknown variant 'toy:Toy+WHAT'"),
        ("toy/Toy", "unknown variant 'toy/Toy'"),
    ],
)
def test_what_cannot_be_built_is_one_line(place, row, line):
    with (place / "toy.py").open("a") as file:
        file.write("""
from dataclasses import replace
from layered import Layered
dict = lambda config: {}
always = lambda config: Layered(replace(config, variant="layered:Layered+SE"))
""")
    with pytest.raises(VariantError) as caught:
        build_generator(ModelConfig(row, vocabulary_size=9), named_by_user=True)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_code_that_only_a_file_names_is_never_run(place, run, monkeypatch):
    train = commands("toy")[0].replace("--steps 40", "--steps 1")
    run(train)
    sys.modules.pop("toy")
    (place / "toy.py").write_text("raise SystemExit('this code was run')")
    refusals = (
        "asgn segment street.jpg dog --model runs/toy",
        "asgn evaluate runs/toy --data synthetic --split val --limit 1",
        "asgn export runs/toy --out onnx",
        "asgn train M+LSTM --data synthetic --out other --weights random --start-from runs/toy",
    )
    for line in refusals:
        said = run(line, code=2)
        assert said.startswith("asgn: this model is built by toy:Toy, code from outside of asgn, which is not run")
        assert said.endswith("set the environment variable ASGN_TRUST=toy:Toy\n")
        monkeypatch.setenv("ASGN_TRUST", "toy:Other,toy")
    with pytest.raises(CheckpointError, match="ASGN_TRUST=toy:Toy"):
        load_model(place / "runs" / "toy", "another:Toy")
    assert "toy" not in sys.modules


def test_further_phrases_cost_the_decoder_alone(place):
    calls = []
    words = Vocabulary.build(["left circle", "right circle"])
    config = ModelConfig("toy:Toy", vocabulary_size=len(words), image_size=64)
    generator = build_generator(config, named_by_user=True)
    for name in ("encode", "decode"):
        whole = getattr(generator, name)
        setattr(generator, name, lambda *given, name=name, whole=whole: (calls.append(name), whole(*given))[1])
    segmenter = Segmenter(Model(generator, config, words, {}), "cpu")
    encoded = segmenter.encode(np.zeros((40, 60, 3), dtype=np.uint8))
    segmenter(encoded, "left circle")
    segmenter(encoded, ["right circle", "left circle", "circle"])
    assert calls == ["encode", "decode", "decode"]


class Anybodys(torch.nn.Module):
    """A network that knows nothing of asgn, as a loop of one's own may have."""

    stride, first_pixel = 4, 0

    def __init__(self):
        super().__init__()
        self.upsample = LegacyBilinear(4)
        self.score = torch.nn.Conv2d(3, 1, 5, stride=4, padding=2)

    def forward(self, images, image_index, tokens, lengths):
        grid = self.score(images[image_index] / 255)
        return Prediction(grid, self.upsample(grid))

    def regularised_weights(self):
        return []


@pytest.mark.parametrize("real_masks", ["literal", "matched"])
def test_the_adversarial_step_takes_anybodys_network(accelerator, real_masks):
    torch.manual_seed(0)
    train, losses = TrainConfig(), LossConfig(real_masks=real_masks)
    network, judge = Anybodys(), Discriminator()
    optimizer, its = (adam([{"params": list(one.parameters()), "lr": 1e-3}], train) for one in (network, judge))
    supervised = SupervisedStep(accelerator, network, optimizer, GridLoss(network, losses))
    step = AdversarialStep(supervised, judge, its, losses)
    before = [weight.clone() for weight in (*network.parameters(), *judge.parameters())]
    masks = torch.rand(2, 64, 64) > 0.5
    images, ones = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8), torch.ones(2, 1, dtype=torch.int64)
    report = step(Batch(images, torch.zeros(2, dtype=torch.int64), ones, ones[:, 0], masks))
    assert {"ce", "adversarial", "discriminator"} <= report.keys()
    assert report["l2"] == 0
    after = [*network.parameters(), *judge.parameters()]
    assert not any(torch.equal(one, other) for one, other in zip(before, after, strict=True) if one.ndim > 1)
