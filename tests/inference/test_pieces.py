"""Small pieces of a mask go, large ones stay, and the rest of the map is left alone."""

import torch

from asgn.inference.results.pieces import LEAST, drop_small_pieces


def squares(*sides: int) -> torch.Tensor:
    """(1, 64, 64) logits of squares of these sides apart from one another."""
    logits = torch.full((1, 64, 64), -3.0)
    for place, side in enumerate(sides):
        logits[0, 20 * place : 20 * place + side, 20 * place : 20 * place + side] = 2.0
    return logits


def test_a_small_piece_goes() -> None:
    kept = drop_small_pieces(squares(16, 6))
    torch.testing.assert_close(kept >= 0, squares(16) >= 0)
    assert kept[0, 22, 22] < 0


def test_pieces_near_the_largest_stay() -> None:
    both = squares(16, 10, 16)
    assert LEAST < (10 / 16) ** 2
    torch.testing.assert_close(drop_small_pieces(both), both)


def test_a_sure_piece_weighs_more_than_a_doubtful_one_of_its_size() -> None:
    logits = squares(16, 9)
    logits[0, 20:29, 20:29] = 9.0
    logits[0, :16, :16] = 0.01
    assert (drop_small_pieces(logits)[0, 20:29, 20:29] >= 0).all()
    logits[0, 20:29, 20:29] = 0.01
    logits[0, :16, :16] = 9.0
    assert (drop_small_pieces(logits)[0, 20:29, 20:29] < 0).all()


def test_empty_masks_and_other_phrases_are_left_alone() -> None:
    logits = torch.cat([torch.full((1, 64, 64), -1.0), squares(16), squares(16, 4)])
    kept = drop_small_pieces(logits)
    torch.testing.assert_close(kept[:2], logits[:2])
    torch.testing.assert_close(kept[2:], drop_small_pieces(logits[2:]))
