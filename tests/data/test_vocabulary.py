"""Words to ids, as the base code counts them."""

import pytest

from asgn.data.vocabulary import SPECIAL, Vocabulary, tokenise
from asgn.errors import DataError


@pytest.fixture
def vocabulary():
    return Vocabulary([*SPECIAL, "red", "car", ",", "left"])


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Red car.", ["red", "car"]),
        ("red  car", ["red", "car"]),
        ("man's hat, left", ["man", "'", "s", "hat", ",", "left"]),
        (".", []),
        ("  ", []),
    ],
)
def test_tokens(text, tokens):
    assert tokenise(text, strip=True) == tokens


def test_the_base_code_keeps_blanks_around_punctuation(vocabulary):
    assert tokenise("car, left", strip=False) == ["car", ", ", "left"]
    parity = Vocabulary(vocabulary.words, strip=False)
    assert parity.encode("car, left").unknown == (", ",)
    assert vocabulary.encode("car, left").unknown == ()


def test_ids_start_behind_the_special_words(vocabulary):
    assert vocabulary.encode("left red zebra").ids == (7, 4, 3)


def test_the_first_twenty_words_are_kept(vocabulary):
    encoded = vocabulary.encode(" ".join(["car"] * 20 + ["left", "red"]))
    assert len(encoded.ids) == 20
    assert encoded.cut == ("left", "red")


def test_a_phrase_without_a_word_is_one_unknown_word(vocabulary):
    assert vocabulary.encode(".").ids == (3,)
    assert vocabulary.encode(".").words == ()


def test_building_orders_by_frequency_then_alphabet():
    built = Vocabulary.build(["b a", "c b", "b c", "d"])
    assert built.words == (*SPECIAL, "b", "c", "a", "d")


def test_a_file_must_start_with_the_special_words(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("red\ncar\n")
    with pytest.raises(DataError, match="starts with"):
        Vocabulary.read(path)
    with pytest.raises(DataError, match="cannot read"):
        Vocabulary.read(tmp_path / "none.txt")


def test_the_reference_vocabulary_reads(shared):
    path = shared / "data" / "vocab" / "vocabulary_Gref.txt"
    vocabulary = Vocabulary.read(path)
    assert len(vocabulary) == 12112
    assert vocabulary.encode("white vehicle on the right").unknown == ()
