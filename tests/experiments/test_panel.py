"""The same pictures after each validation."""

import json

import numpy as np
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from asgn.experiments.runs.train import train_run
from asgn.experiments.runs.validation_panel import SIDE, ValidationPanel, evenly_spread


def test_each_validation_draws_the_same_columns(plan_of, accelerator):
    plan = plan_of(steps=4, validate_every=2, learning_rate=1e-2)
    train_run(plan, accelerator)
    folder = plan.folder / "panel"
    early, late = (np.asarray(Image.open(folder / f"step-{step:06d}.png")) for step in (2, 4))
    phrases = json.loads((folder / "phrases.json").read_text())
    assert len(phrases) == 8
    assert early.shape == late.shape == (3 * SIDE, 8 * SIDE, 3)
    np.testing.assert_array_equal(early[: 2 * SIDE], late[: 2 * SIDE])
    assert (early[2 * SIDE :] != late[2 * SIDE :]).any()
    board = EventAccumulator(str(plan.folder / "tensorboard"))
    board.Reload()
    assert [event.step for event in board.Images("panel")] == [2, 4]


def test_a_column_is_photograph_truth_and_probability(tiny_model, scenes, tmp_path):
    panel = ValidationPanel(scenes, tmp_path)
    with torch.no_grad():
        tiny_model.generator.head.semantic.bias.fill_(-100.0)
    picture = panel.draw(tiny_model, torch.device("cpu"), 1)
    expression = panel.expressions[0]
    photograph = Image.fromarray(scenes.image(expression.image_id)).resize((SIDE, SIDE))
    np.testing.assert_array_equal(picture[:SIDE, :SIDE], np.asarray(photograph))
    darkest = picture[2 * SIDE :].reshape(-1, 3)
    assert (darkest == darkest[0]).all()
    assert int(darkest.max()) < 10


def test_expressions_are_of_different_images_where_there_are_enough(scenes):
    chosen = evenly_spread(scenes.expressions, 5)
    assert len({item.image_id for item in chosen}) == 5
    assert evenly_spread(scenes.expressions[:3], 8) == list(scenes.expressions[:3])
