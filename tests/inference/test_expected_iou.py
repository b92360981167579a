"""The threshold of highest expected IoU against all thresholds, and what it must leave alone."""

import numpy as np
import torch

from asgn.inference.results.expected_iou import LEAST, centre_logits


def logit(probability: torch.Tensor) -> torch.Tensor:
    return torch.log(probability / (1 - probability))


def test_no_other_threshold_has_a_higher_expected_iou() -> None:
    generator = torch.Generator().manual_seed(0)
    for spread in (0.5, 2.0, 5.0):
        logits = spread * torch.randn(1, 20, 20, generator=generator) - 1
        probability = torch.sigmoid(logits[0, 5:15]).numpy()  # the image's part of the square

        def expected(mask: np.ndarray, probability: np.ndarray = probability) -> float:
            return float(probability[mask].sum() / (mask.sum() + probability[~mask].sum()))

        chosen = (centre_logits(logits, 10, 20)[0, 5:15] >= 0).numpy()
        best = max(expected(probability >= level) for level in np.unique(probability) if level >= LEAST)
        assert expected(chosen) >= best - 1e-6


def test_a_faint_thing_gets_a_mask_and_a_sure_one_keeps_its_own() -> None:
    faint = torch.full((32, 32), 0.01)
    faint[8:16, 8:16] = 0.35
    sure = torch.where(faint > 0.1, 0.97, 0.01)
    moved = centre_logits(logit(torch.stack([faint, sure])), 32, 32)
    for one in moved:
        torch.testing.assert_close(one > 0, faint > 0.1)


def test_what_is_nowhere_has_an_empty_mask() -> None:
    nowhere = torch.full((1, 32, 32), LEAST / 2)
    assert not (centre_logits(logit(nowhere), 32, 32) > 0).any()


def test_phrases_are_apart_and_padding_counts_for_nothing() -> None:
    logits = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(1))
    alone = torch.cat([centre_logits(one[None], 16, 32) for one in logits])
    torch.testing.assert_close(centre_logits(logits, 16, 32), alone)
    padded = logits.clone()
    padded[:, :8] = 9
    torch.testing.assert_close(centre_logits(padded, 16, 32)[:, 8:24], alone[:, 8:24])
