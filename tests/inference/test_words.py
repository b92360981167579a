"""How phrases are read: slips, everyday words, unknown words, punctuation."""

import pytest

from asgn.data.vocabulary import Vocabulary
from asgn.errors import PhraseError
from asgn.inference.phrases.reader import WordReader

PHRASES = [
    "the left cats",
    "right cat on a cart",
    "people",
    "person of circle",
    "red car",
    "purple giraffe",
    "boat dog",
]


@pytest.fixture(scope="module")
def reader():
    return WordReader(Vocabulary.build(PHRASES))


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("catt", "cat"),
        ("girafe", "giraffe"),
        ("giraffee", "giraffe"),
        ("girrafe", None),  # two edits
        ("cirlce", "circle"),
        ("dogs", "dog"),
        ("persom", "person"),
        ("carr", "car"),  # not cart: a letter doubled
        ("carb", None),  # car or cart
        ("boot", None),  # a word of its own
        ("xoat", None),  # who errs, seldom errs at the first letter
        ("dpg", None),  # too short to tell
        ("kid", "person"),
        ("kids", "people"),
        ("2nd", None),
    ],
)
def test_slips_and_everyday_words(reader, typed, read):
    reading = reader.read(f"the red {typed}")
    assert reading.read_as == ({typed: read} if read else {})
    assert list(reading.nearest) == ([] if read else [typed])
    assert reading.encoded.ids == reader.vocabulary.encode(f"the red {read or typed}").ids
    assert reading.encoded.words == ("the", "red", read or typed)


def test_what_is_told(reader):
    assert reader.read("the catt").remarks() == ["'catt' read as 'cat'"]
    reading = reader.read("red purpel giraphe qqq " + "dog " * 20)
    assert reading.remarks() == [
        "'purpel' read as 'purple'",
        "unknown to the model: giraphe (the nearest it knows: giraffe), qqq",
        "only the first 20 words were read; cut: dog dog dog dog",
    ]


def test_known_words_are_left_alone(reader):
    reading = reader.read("cats on the cart")
    assert not reading.read_as
    assert reading.remarks() == []


def test_unknown_punctuation_is_passed_over(reader):
    assert reader.read("the left, red dog!").encoded == reader.vocabulary.encode("the left red dog")
    assert reader.read("the left, red dog!").remarks() == []


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("", "holds no word"),
        (" ?! ", "holds no word"),
        ("dog " * 101, "101 words is too long"),
        ("qqq zzz", "known to the model: use other words"),
        ("the qqq on the zzz", "known to the model"),
        ("the boot", "did you mean boat?"),
    ],
)
def test_refusals(reader, phrase, said):
    with pytest.raises(PhraseError, match=said.replace("?", r"\?")) as caught:
        reader.read(phrase)
    assert len(str(caught.value)) < 300
