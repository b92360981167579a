"""The training stream: a function of seed and step, whatever the number of processes."""

from collections import Counter

import pytest
import torch

from asgn.data.loading.batches import BatchStream, batch_loader
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.data.vocabulary import Vocabulary
from asgn.errors import DataError


@pytest.fixture
def vocabulary(scenes):
    return Vocabulary.build(item.text for item in scenes.expressions)


def stream_of(scenes, vocabulary, **changes):
    settings = {"side": 64, "batch_size": 4, "steps": 24, "seed": 0} | changes
    return BatchStream(scenes, vocabulary, **settings)


def same(one, other):
    fields = ("images", "image_index", "tokens", "lengths", "masks")
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in fields)


def test_a_batch_depends_on_seed_and_step_alone(scenes, vocabulary):
    one, two = stream_of(scenes, vocabulary), stream_of(scenes, vocabulary)
    for step in (5, 0, 5, 23):
        assert same(one[step], two[step])
    assert not same(one[0], stream_of(scenes, vocabulary, seed=1)[0])


@pytest.mark.parametrize("mates", [1, 3])
def test_an_epoch_holds_every_expression_once(scenes, vocabulary, mates):
    count = len(scenes.expressions)
    stream = stream_of(scenes, vocabulary, phrases_per_image=mates)
    for epoch in (0, 1):
        seen = Counter(stream._expression_at(epoch * count + offset).sentence_id for offset in range(count))
        assert set(seen.values()) == {1}
        assert len(seen) == count
    assert list(stream._draw_epoch(0)) != list(stream._draw_epoch(1))


def test_stretches_of_other_sizes_follow_each_other_without_a_gap(scenes, vocabulary):
    stream = stream_of(scenes, vocabulary, batch_size=[(0, 6), (3, 2), (5, 4)], steps=8)
    places = [stream._batch_at(step) for step in range(8)]
    assert places == [(0, 6), (6, 6), (12, 6), (18, 2), (20, 2), (22, 4), (26, 4), (30, 4)]
    assert [len(stream[step].lengths) for step in (0, 3, 7)] == [6, 2, 4]
    halves = [stream_of(scenes, vocabulary, batch_size=[(0, 6), (3, 2)], process=n, processes=2)[3] for n in (0, 1)]
    assert [len(half.lengths) for half in halves] == [1, 1]


def test_mates_share_one_image(scenes, vocabulary):
    batch = stream_of(scenes, vocabulary, phrases_per_image=4)[0]
    assert len(batch.images) < 4
    assert batch.image_index.max() == len(batch.images) - 1


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_split_the_same_batch(scenes, vocabulary, processes):
    whole = stream_of(scenes, vocabulary)[3]
    parts = [stream_of(scenes, vocabulary, process=rank, processes=processes)[3] for rank in range(processes)]
    assert torch.equal(torch.cat([part.masks for part in parts]), whole.masks)
    with pytest.raises(ValueError, match="does not divide"):
        stream_of(scenes, vocabulary, processes=3)


def test_reading_ahead_changes_nothing(scenes, vocabulary):
    stream = stream_of(scenes, vocabulary)
    for step, batch in zip(range(20, 24), batch_loader(stream, 20, workers=2), strict=True):
        assert same(batch, stream[step])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_image_is_one_line_also_from_a_worker(vocabulary, workers):
    data = SyntheticDataset("train", scenes=6, size=64)
    data.image = _unreadable
    stream = stream_of(data, vocabulary)
    with pytest.raises(DataError, match=r"^image \d+ cannot be read$"):
        next(batch_loader(stream, 0, workers))


def _unreadable(image_id):
    raise DataError(f"image {image_id} cannot be read")


def test_a_batch_in_parts_says_the_same(scenes, vocabulary):
    batch = stream_of(scenes, vocabulary, phrases_per_image=2)[1]
    parts = batch.split(3)
    assert [len(part.lengths) for part in parts] == [3, 1]
    assert len(parts[1].images) == 1
    for name in ("tokens", "lengths", "masks"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(batch, name))
    images = torch.cat([part.images[part.image_index] for part in parts])
    assert torch.equal(images, batch.images[batch.image_index])


def test_mirroring_turns_picture_mask_and_words(scenes, vocabulary):
    plain, flipped = stream_of(scenes, vocabulary), stream_of(scenes, vocabulary, flip=True)
    turned = 0
    for step in range(6):
        one, other = plain[step], flipped[step]
        for phrase in range(4):
            picture, its = one.images[one.image_index[phrase]], other.images[other.image_index[phrase]]
            if torch.equal(its, picture.flip(-1)):
                assert torch.equal(other.masks[phrase], one.masks[phrase].flip(-1))
                turned += 1
            else:
                assert torch.equal(its, picture)
    assert 0 < turned < 24
