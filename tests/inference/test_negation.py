"""What a phrase excludes is never answered as if it were asked for. Many phrases are from ReferIt's training text."""

import pytest

from asgn.data.vocabulary import Vocabulary
from asgn.inference.phrases.negation import split_negation
from asgn.inference.phrases.reader import WordReader

LEFT_OUT = [
    ("the man without a hat", "the man", "without a hat"),
    ("cat w/o collar", "cat", "w/o collar"),
    ("guy with no shirt on right", "guy on right", "with no shirt"),
    ("man not wearing a hat on the left", "man on the left", "not wearing a hat"),
    ("brown donkey NOT being ridden", "brown donkey", "NOT being ridden"),
    ("the cat isn't black", "the cat", "isn't black"),
    ("the cat isn’t black", "the cat", "isn’t black"),
    ("the dog that isnt sitting", "the dog", "that isnt sitting"),
    ("person who doesn't have a hat", "person", "who doesn't have a hat"),
    ("cherry on bottom glass of person you can't see", "cherry on bottom glass of person", "you can't see"),
    ("leftmost head that is not cut off", "leftmost head", "that is not cut off"),
    ("space on table where there is no paper", "space on table", "where there is no paper"),
    ("non-red car", "car", "non-red"),
    ("the man, not the woman", "the man", "not the woman"),
    ("ground (not grass)", "ground", "not grass"),
    ("sky but not clouds", "sky", "but not clouds"),
    ("vase, not flowers, in foreground", "vase, in foreground", "not flowers"),
    ("above bus - not clouds", "above bus", "not clouds"),
    ("not the man but the dog", "the dog", "not the man but"),
    ("not the boat but the other thing", "the other thing", "not the boat but"),
    ("not the woman, the man", "the man", "not the woman"),
    ("all the people but the kid", "all the people", "but the kid"),
    ("every car except for the red one", "every car", "except for the red one"),
    ("guy no hat next to white car", "guy next to white car", "no hat"),
    ("no problem! second palm from right", "second palm from right", "no problem"),
    ("no worries tree right next to guy", "tree right next to guy", "no worries"),
    ("chair with nobody on it", "chair", "with nobody on it"),
    ("the person who never smiles", "the person", "who never smiles"),
]

NOTHING_LEFT = [
    "not a cat", "no person", "anything but the cat", "everything except the cat", "the one without a hat",
    "all but the left one", "everyone who isn't the man", "anything NOT the cat", "non smoker", "dont click the cat",
    "neither cat nor man", "none of the cats", "anybody but him", "exclude the cat", "anything other than the man",
    "nothing", "segment everything except the cat",
]  # fmt: skip

NO_NEGATION = [
    "the no smoking sign", "the do not enter sign", "player no 5", "player no. 5", "notebook", "knot",
    "small but tall tree", "the nonstop bus", "the man", "anything in the middle", "snow", "nose of the cat",
    "everything above bird",
]  # fmt: skip


@pytest.fixture(scope="module")
def reader():
    return WordReader(Vocabulary.build(["the left cat with hat", "a man not on right one", "person no"]))


@pytest.mark.parametrize(("phrase", "kept", "excluded"), LEFT_OUT)
def test_what_is_excluded_is_taken_out(phrase, kept, excluded):
    assert split_negation(phrase) == (kept, (excluded,))


@pytest.mark.parametrize("phrase", NO_NEGATION)
def test_what_is_no_negation_stays(phrase):
    assert split_negation(phrase) == (phrase, ())


@pytest.mark.parametrize("phrase", NOTHING_LEFT)
def test_nothing_is_asked_for(reader, phrase):
    reading = reader.read(phrase)
    assert reading.failure == "the phrase only says what is not meant: say what to segment"
    assert reading.remarks() == []


def test_the_rest_is_read_with_a_remark(reader):
    reading = reader.read("the man without a hat on the left")
    assert reading.encoded == reader.vocabulary.encode("the man on the left")
    assert reading.remarks() == ["'without a hat' was not read: the model does not know negation"]
    assert not reading.failure


def test_blanks_and_line_breaks(reader):
    assert split_negation("the  man\nwithout\n a hat") == ("the man", ("without a hat",))
    assert split_negation("not" + " " * 200_000 + "a cat") == ("", ("not a cat",))
    assert reader.read("the cat\n").encoded == reader.vocabulary.encode("the cat")


def test_what_is_left_may_be_unknown(reader):
    assert reader.read("the lamp on the cat, not the man").failure == "the thing asked for is not known: lamp"
