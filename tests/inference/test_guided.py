"""The guided filter against its definition, window by window, and on outlines."""

import numpy as np
import torch

from asgn.inference.results.guided import RADIUS, SMOOTHNESS, guide_logits


def drawn(side: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """A red disc on grey, (3, S, S) uint8, and its pixels."""
    rows, columns = np.ogrid[:side, :side]
    disc = (rows - side / 2) ** 2 + (columns - side / 2) ** 2 < (side / 4) ** 2
    image = np.random.default_rng(0).integers(80, 100, (3, side, side)).astype(np.uint8)
    image[0][disc] = 220
    return torch.from_numpy(image), torch.from_numpy(disc)


def test_fits_the_logits_by_the_colours_of_every_window() -> None:
    image, _ = drawn(16)
    logits = torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(0))
    colours = np.asarray(image, dtype=np.float64).reshape(3, 8, 2, 8, 2).mean((2, 4)) / 255
    target = logits[0].double().numpy().reshape(8, 2, 8, 2).mean((1, 3))
    fits = np.zeros((8, 8, 4))
    for row, column in np.ndindex(8, 8):
        window = np.s_[max(0, row - RADIUS) : row + RADIUS + 1, max(0, column - RADIUS) : column + RADIUS + 1]
        seen, wanted = colours[:, *window].reshape(3, -1), target[window].ravel()
        joint = (seen * wanted).mean(1) - seen.mean(1) * wanted.mean()
        slope = np.linalg.solve(np.cov(seen, bias=True) + SMOOTHNESS * np.eye(3), joint)
        fits[row, column] = *slope, wanted.mean() - slope @ seen.mean(1)

    def smoothed(row: int, column: int) -> np.ndarray:
        return fits[max(0, row - RADIUS) : row + RADIUS + 1, max(0, column - RADIUS) : column + RADIUS + 1].mean((0, 1))

    # Pixel (9, 4) lies at (4.25, 1.75) of the halved square.
    above, below = (0.25 * smoothed(row, 1) + 0.75 * smoothed(row, 2) for row in (4, 5))
    fitted = 0.75 * above + 0.25 * below
    expected = fitted[:3] @ (image[:, 9, 4].double().numpy() / 255) + fitted[3]
    np.testing.assert_allclose(float(guide_logits(logits, image)[0, 9, 4]), expected, atol=1e-3)


def test_outlines_follow_the_image() -> None:
    image, disc = drawn()
    cells = torch.nn.functional.avg_pool2d(disc[None].float(), 8) * 8 - 4
    blunt = torch.nn.functional.interpolate(cells[None], scale_factor=8.0, mode="bilinear")[0]
    wrong_before = int(((blunt[0] > 0) != disc).sum())
    wrong_after = int(((guide_logits(blunt, image)[0] > 0) != disc).sum())
    assert wrong_after < wrong_before / 2


def test_phrases_are_apart_and_flat_images_only_smooth() -> None:
    logits = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(0))
    image, _ = drawn(32)
    together = guide_logits(logits, image)
    alone = torch.cat([guide_logits(one[None], image) for one in logits])
    torch.testing.assert_close(together, alone)
    flat = guide_logits(torch.full((1, 32, 32), 2.5), torch.full((3, 32, 32), 128, dtype=torch.uint8))
    torch.testing.assert_close(flat, torch.full((1, 32, 32), 2.5))
