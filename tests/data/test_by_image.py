import pytest

from asgn.data.by_image import by_image, image_ids, image_of_each
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.data.types import Expression


def about(*images):
    return [Expression(place, place, image, (), f"phrase {place}") for place, image in enumerate(images)]


def test_images_come_in_the_order_of_their_first_expression():
    expressions = about(7, 3, 7, 5, 3)
    assert image_of_each(expressions) == [7, 3, 7, 5, 3]
    assert image_ids(expressions) == [7, 3, 5]
    assert [[item.sentence_id for item in group] for group in by_image(expressions)] == [[0, 2], [1, 4], [3]]


@pytest.mark.parametrize(("limit", "kept"), [(1, [0]), (2, [0, 3]), (5, [0, 1, 2, 4, 5]), (9, [0, 1, 2, 3, 4, 5, 6])])
def test_a_limit_spreads_the_images_evenly(limit, kept):
    assert [group[0].image_id for group in by_image(about(*range(7)), limit)] == kept


def test_no_scene_is_drawn_for_its_id(monkeypatch):
    data = SyntheticDataset("val", scenes=3)
    expected = [expression.image_id for expression in data.expressions]
    fresh, drawn = SyntheticDataset("val", scenes=3), []
    made = SyntheticDataset.expressions_of
    monkeypatch.setattr(
        SyntheticDataset, "expressions_of", lambda self, image_id: drawn.append(image_id) or made(self, image_id)
    )
    assert image_of_each(fresh.expressions) == expected
    assert drawn == []
    by_image(fresh.expressions, limit=1)
    assert set(drawn) == {expected[0]}
