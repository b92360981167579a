"""A discriminator that wins or collapses is said aloud, once an episode."""

import pytest

from asgn.training.balance import BalanceWatch


def warnings_of(losses, real_masks="literal", every=20):
    watch = BalanceWatch(real_masks)
    said = [(step, watch.look(step, loss)) for step, loss in zip(range(every, 10**6, every), losses, strict=False)]
    return [(step, text) for step, text in said if text]


def test_a_healthy_loss_says_nothing():
    assert warnings_of([0.35] * 200) == []


def test_a_short_excursion_says_nothing():
    assert warnings_of([0.35] * 30 + [0.01] * 8 + [0.35] * 100) == []


@pytest.mark.parametrize(("loss", "word"), [(0.01, "has won"), (0.69, "has collapsed")])
def test_a_long_one_is_said_once_with_what_helps(loss, word, caplog):
    ((step, text),) = warnings_of([loss] * 300)
    assert step == 520
    assert word in text
    assert "--" in text
    assert caplog.messages == [text]


def test_single_spikes_do_not_hide_it():
    assert len(warnings_of(([0.01] * 9 + [0.6]) * 20)) == 1


def test_each_new_episode_is_said_again():
    losses = [0.01] * 60 + [0.35] * 60 + [0.01] * 60 + [0.69] * 60
    assert ["won" in text for _, text in warnings_of(losses)] == [True, True, False]


def test_the_hint_is_not_what_the_run_already_does():
    assert "--real-masks matched" in warnings_of([0.01] * 50)[0][1]
    assert "matched" not in warnings_of([0.01] * 50, "matched")[0][1]
    assert "--warmup-steps" in warnings_of([0.01] * 50, "matched")[0][1]
    assert "--real-masks literal" in warnings_of([0.69] * 50, "matched")[0][1]
    assert "--real-masks" not in warnings_of([0.69] * 50)[0][1]
