"""Every row of Tables I, II and III, and of M: built, trained, saved, reloaded, evaluated, put to use.

The networks have the paper's shape with fewer blocks and narrower heads; tests/models builds the full sizes.
"""

import dataclasses

import pytest
import torch
from torchvision.models.resnet import Bottleneck, ResNet

from asgn.checkpoint import load_model, read_tensors
from asgn.config import LossConfig, TrainConfig
from asgn.data.loading.batches import BatchStream
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.evaluation.metrics import PRECISION_THRESHOLDS
from asgn.experiments.runs.assembly import RunConfig, build_state, build_step
from asgn.experiments.runs.scoring import evaluate
from asgn.experiments.runs.train import train_run
from asgn.inference.segmenter import Segmenter
from asgn.models.vgg import VGG16
from asgn.training import snle
from asgn.variants import Variant

TINY = {
    "image_size": 64,
    "embedding_size": 8,
    "language_size": 8,
    "visual_size": 8,
    "fusion_size": 16,
    "detail_size": 4,
}
STEPS = 30


class RowContract:
    """What every row must do; subclasses name rows."""

    @pytest.fixture(autouse=True)
    def shallow_backbones(self, monkeypatch):
        def resnet_of_four_blocks(**settings):
            return ResNet(Bottleneck, [1, 1, 1, 1], **settings)

        monkeypatch.setattr("torchvision.models.resnet101", resnet_of_four_blocks)
        monkeypatch.setattr(VGG16, "classifier_size", 16)

    def plan(self, row, folder, **train):
        settings = {"steps": STEPS, "batch_size": 4, "workers": 0, "learning_rate": 3e-3} | train
        return RunConfig(
            variant=Variant.parse(row).without_densecrf(),
            train_data=SyntheticDataset("train", scenes=2, size=64, absent=False),
            validation_data=SyntheticDataset("val", scenes=1, size=64),
            folder=folder,
            train=TrainConfig(**settings),
            losses=LossConfig(),
            model_changes=TINY,
            weights="random",
            quiet=True,
        )

    def test_thirty_steps_on_four_samples_lower_the_loss(self, row, tmp_path, accelerator):
        torch.manual_seed(0)
        plan = self.plan(row, tmp_path)
        state = build_state(plan)
        step = build_step(state, plan, accelerator)
        batch = self.stream(plan, state)[0]
        entropies = []
        state.step = self.first_step()
        for _ in range(STEPS):
            entropies.append(float(step(batch)["ce"]))
            state.step += 1
        assert sum(entropies[-5:]) / 5 < entropies[0]

    def test_a_run_is_saved_reloaded_evaluated_and_used(self, row, tmp_path, accelerator):
        plan = self.plan(row, tmp_path, steps=3)
        assert train_run(plan, accelerator)
        model = load_model(tmp_path)
        assert model.config.variant == str(Variant.parse(row)).removesuffix("+DCRF")
        densecrf = Variant.parse(row).densecrf
        if densecrf:
            pytest.importorskip("pydensecrf", reason="the extra crf is not installed")
        segmenter = Segmenter(model, densecrf=densecrf)
        scores = evaluate(segmenter, plan.validation_data).scores.summary()
        assert {"oIoU", "mIoU", *(f"Pr@{threshold}" for threshold in PRECISION_THRESHOLDS)} <= scores.keys()
        scene = plan.train_data
        image = scene.image(scene.expressions[0].image_id)
        results = segmenter(image, [item.text for item in scene.expressions[:2]])
        assert [result.mask.shape for result in results] == [(64, 64)] * 2
        assert ("discriminator.layers.0.weight" in read_tensors(tmp_path / "last.safetensors")[0]) == (
            plan.variant.adversarial
        )

    def first_step(self):
        return 0

    def stream(self, plan, state):
        side = state.model.config.image_size
        return BatchStream(plan.train_data, state.model.vocabulary, side=side, batch_size=4, steps=1, seed=0)


ENDINGS_II = ["", "+AT", "+SE", "+SE+AT", "+DE", "+DE+AT", "+DE+SE", "+DE+SE+AT"]
ENDINGS_I = ["", "+AT", "+DE+SE+AT"]


@pytest.mark.parametrize("row", [f"{base}{end}" for base in ("D+LSTM", "D+RMI") for end in ENDINGS_I])
class TestTable1(RowContract):
    pass


@pytest.mark.parametrize("row", ["D+RMI+DCRF", "R+LSTM+DCRF"])
class TestDenseCrf(RowContract):
    pass


@pytest.mark.parametrize("row", [f"R+LSTM{end}" for end in ENDINGS_II])
class TestTable2(RowContract):
    pass


@pytest.mark.parametrize(
    "layers",
    [
        "conv1",
        "conv2",
        "conv3",
        "conv1,conv2,conv3",
        "conv4,conv5",
        "conv3,conv4,conv5",
        "conv2,conv3,conv4,conv5",
        "conv1,conv2,conv3,conv4,conv5",
    ],
)
class TestTable3(RowContract):
    @pytest.fixture
    def row(self, layers):
        return f"R+LSTM+DE({layers})"


@pytest.mark.parametrize("row", ["M+LSTM", "M+LSTM+DE+SE+AT", "M+RMI+DE+SE+AT"])
class TestSmallBackbone(RowContract):
    pass


@pytest.mark.parametrize("row", ["V+LSTM+DE(conv2,conv3,conv4,conv5)+SE", "V+RMI+DE+SE+AT"])
class TestVisionTransformer(RowContract):
    def plan(self, row, folder, **train):
        plan = super().plan(row, folder, **train)
        return dataclasses.replace(plan, model_changes={**TINY, "vit_name": "test_vit"})


@pytest.mark.parametrize("row", [f"SNLE{end}" for end in ENDINGS_I])
class TestSnle(RowContract):
    """The last stage, where the rows differ, and a run through all three."""

    def plan(self, row, folder, **train):
        return super().plan(row, folder, **{"learning_rate": 2.5e-4, "snle_batches": "given"} | train)

    def first_step(self):
        return round(STEPS * 55 / 73)

    def test_thirty_steps_on_four_samples_lower_the_loss(self, row, tmp_path, accelerator, monkeypatch):
        monkeypatch.setattr(snle, "stage_at", lambda step, steps: (snle.snle.SCHEDULE[2], 0, step == 0))
        super().test_thirty_steps_on_four_samples_lower_the_loss(row, tmp_path, accelerator)


def test_the_stages_follow_each_other_in_proportion():
    targets = [snle.stage_at(step, 73)[0].target for step in range(73)]
    assert targets == ["boxes"] * 25 + ["cells"] * 30 + ["pixels"] * 18
    assert [step for step in range(73) if snle.stage_at(step, 73)[2]] == [0, 25, 55]
    assert snle.stage_at(24, 73)[0].learning_rate(snle.stage_at(24, 73)[1]) == pytest.approx(1e-4)


def test_boxes_of_masks():
    masks = torch.zeros(2, 8, 8, dtype=torch.bool)
    masks[0, 2:5, 1:7] = True
    assert snle.mask_boxes(masks).tolist() == [[1, 2, 6, 4], [0, 0, 7, 7]]
