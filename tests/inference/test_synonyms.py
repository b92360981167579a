"""Everyday words stand for known ones, and are not taken for slips of them."""

import pytest

from asgn.inference.phrases.synonyms import is_common_word, stand_ins

KNOWN = frozenset(("person", "people", "man", "dog", "dogs", "couch", "blue", "cat"))


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("kid", ["person"]),
        ("boy", ["man", "person"]),
        ("kids", ["people", "person"]),
        ("puppies", ["dogs", "dog"]),
        ("kittens", ["cat"]),
        ("sofa", ["couch"]),
        ("turquoise", ["blue"]),
        ("flurble", []),
    ],
)
def test_the_nearest_meaning_comes_first(word, read):
    assert list(stand_ins(word, KNOWN)) == read


def test_common_words_are_no_slips():
    assert all(map(is_common_word, ("boot", "coat", "kid", "kids", "goat", "trail")))
    assert not any(map(is_common_word, ("catt", "giraffee", "lleft", "umbrela", "tabel")))
