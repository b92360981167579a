"""Variations of a photograph keep image, masks and phrase together."""

import torch

from asgn.data.loading.augment import Variation, draw_variation


def test_nothing_asked_nothing_changed():
    variation = draw_variation((0, 1, 2), flip=False, augment=False)
    picture = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8)
    mask = torch.rand(32, 32) > 0.5
    assert torch.equal(variation.image(picture), picture)
    assert torch.equal(variation.mask(mask), mask)
    assert variation.phrase("left dog") == "left dog"


def test_a_key_gives_one_variation_and_keys_differ():
    drawn = [draw_variation((0, step, 5), flip=True, augment=True) for step in range(50)]
    assert drawn == [draw_variation((0, step, 5), flip=True, augment=True) for step in range(50)]
    assert len(set(drawn)) == 50
    assert 10 < sum(variation.mirror for variation in drawn) < 40
    assert all(0.75 <= variation.zoom <= 1.2 for variation in drawn)


def test_mask_and_image_move_together():
    picture = torch.zeros(3, 64, 64, dtype=torch.uint8)
    picture[:, 20:40, 8:24] = 200
    mask = picture[0] > 0
    for step in range(40):
        variation = draw_variation((step,), flip=True, augment=True)._replace(brightness=1.0, saturation=1.0)
        seen, moved = variation.image(picture)[0], variation.mask(mask)
        assert not ((seen > 105) & ~moved).any()
        assert not ((seen < 95) & moved).any()
        assert moved.any()


def test_a_smaller_picture_lies_whole_in_the_square_and_a_larger_one_is_cut():
    full = torch.full((3, 40, 40), 100, dtype=torch.uint8)
    small = Variation(False, 0.75, 1.0, 0.0, 1.0, 1.0).image(full)
    assert (small[0] > 0).sum() == 30 * 30
    assert (small[0, 10:, :30] == 100).all()
    large = Variation(False, 1.2, 0.5, 0.5, 1.0, 1.0).image(full)
    assert large.shape == full.shape
    assert (large == 100).all()


def test_light_changes_colours_and_leaves_the_frame_black():
    picture = torch.zeros(3, 8, 8, dtype=torch.uint8)
    picture[0, 2:6] = 90
    lit = Variation(False, 1.0, 0.0, 0.0, 1.2, 1.0).image(picture)
    assert (lit[0, 2:6] == 108).all()
    assert (lit[:, :2] == 0).all()
    grey = Variation(False, 1.0, 0.0, 0.0, 1.0, 0.0).image(picture)
    assert (grey[:, 2:6] == 30).all()
