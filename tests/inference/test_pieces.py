"""Small pieces of a mask go, large ones stay, and the rest of the map is left alone."""

import pytest
import torch

from asgn.inference.phrases.grammar import asks_for_one_thing
from asgn.inference.results.pieces import LEAST, LEAST_OF_MORE, drop_small_pieces

ONE, SEVERAL = ["the", "dog"], ["the", "dogs"]


def squares(*sides: int) -> torch.Tensor:
    """(1, 64, 64) logits of squares of these sides apart from one another."""
    logits = torch.full((1, 64, 64), -3.0)
    for place, side in enumerate(sides):
        logits[0, 20 * place : 20 * place + side, 20 * place : 20 * place + side] = 2.0
    return logits


def test_a_small_piece_goes() -> None:
    kept = drop_small_pieces(squares(16, 6), [ONE])
    torch.testing.assert_close(kept >= 0, squares(16) >= 0)


def test_pieces_near_the_largest_stay() -> None:
    both = squares(16, 12, 16)
    assert LEAST < (12 / 16) ** 2
    torch.testing.assert_close(drop_small_pieces(both, [ONE]), both)


def test_more_pieces_stay_of_a_phrase_that_asks_for_several() -> None:
    pair = squares(16, 10)
    assert LEAST_OF_MORE < (10 / 16) ** 2 < LEAST
    torch.testing.assert_close(drop_small_pieces(pair, [SEVERAL]), pair)
    torch.testing.assert_close(drop_small_pieces(pair, [ONE]) >= 0, squares(16) >= 0)


def test_a_sure_piece_weighs_more_than_a_doubtful_one_of_its_size() -> None:
    logits = squares(16, 12)
    logits[0, 20:32, 20:32] = 9.0
    logits[0, :16, :16] = 0.01
    assert (drop_small_pieces(logits, [ONE])[0, 20:32, 20:32] >= 0).all()
    logits[0, 20:32, 20:32] = 0.01
    logits[0, :16, :16] = 9.0
    assert (drop_small_pieces(logits, [ONE])[0, 20:32, 20:32] < 0).all()


def test_empty_masks_and_other_phrases_are_left_alone() -> None:
    logits = torch.cat([torch.full((1, 64, 64), -1.0), squares(16), squares(16, 4)])
    kept = drop_small_pieces(logits, [ONE] * 3)
    torch.testing.assert_close(kept[:2], logits[:2])
    torch.testing.assert_close(kept[2:], drop_small_pieces(logits[2:], [ONE]))


@pytest.mark.parametrize(
    ("phrase", "one"),
    [
        ("the dogs", False), ("people on the left", False), ("man and dog", False), ("both sheep", False),
        ("two", False), ("trees", False), ("the blue sky", False), ("brick wall", False), ("the dog", True),
        ("left bus", True), ("woman in jeans", True), ("jeans", True), ("dress", True), ("second from left", True),
        ("the man behind the buses", True), ("the man on the grass", True), ("", True),
    ],
)  # fmt: skip
def test_knows_one_thing_from_several_and_from_regions(phrase: str, one: bool) -> None:
    assert asks_for_one_thing(phrase.split()) is one
