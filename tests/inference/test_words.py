"""How phrases are read: forms of known words, slips, unknown words, what is asked for, punctuation."""

import pytest

from asgn.data.vocabulary import SPECIAL, Vocabulary
from asgn.errors import PhraseError
from asgn.inference.phrases.reader import UNSEEN_CERTAINTY, WordReader

PHRASES = [
    "the left cats",
    "right cat on a cart",
    "people",
    "person of circle, man",
    "red car with big donut",
    "purple giraffe standing beside couch",
    "boat dog side banana clock sand glove filling",
]


@pytest.fixture(scope="module")
def reader():
    return WordReader(Vocabulary.build(PHRASES))


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("girafe", "giraffe"),
        ("giraffee", "giraffe"),
        ("girrafe", None),  # two edits
        ("cirlce", "circle"),
        ("persom", "person"),
        ("ccar", "car"),  # a letter doubled
        ("xoat", None),  # who errs, seldom errs at the first letter
        ("dpg", None),  # too short to tell
        ("2nd", None),
        # other forms of known words
        ("dogs", "dog"),
        ("persons", "people"),
        ("men", "man"),
        ("giraffes", "giraffe"),
        # other names of the same thing
        ("sofa", "couch"),
        ("guys", "man"),
        ("2", None),
        ("1st", None),
        # two words written as one
        ("leftside", "left side"),
        ("redcar", "red car"),
        ("onright", "on right"),
    ],
)
def test_words_that_are_read_for_others(reader, typed, read):
    reading = reader.read(f"the red {typed} on the boat")
    assert reading.read_as == ({typed: read} if read else {})
    assert list(reading.nearest) == ([] if read else [typed])
    assert reading.encoded.ids == reader.vocabulary.encode(f"the red {read or typed} on the boat").ids


@pytest.mark.parametrize(
    "word",
    [
        "click", "bandana", "falling", "said", "chat", "globe", "boot", "carb", "carr", "parson", "cloak", "clocked",
        "goat", "bat", "sided", "hoodie", "dent", "cast", "rad", "reed", "marker", "mat", "feeling", "thats",
    ],
)  # fmt: skip
def test_english_words_are_no_slips(reader, word):
    for phrase in (f"the {word} on the cat", f"red {word} cat", f"cat beside {word}"):
        reading = reader.read(phrase)
        assert not reading.read_as, phrase
        assert list(reading.nearest) == [word], phrase


def test_verbs_and_adjectives_only_where_no_thing_is_asked_for(reader):
    assert reader.read("man stands beside car").read_as == {"stands": "standing"}
    assert reader.read("bigger car").read_as == {"bigger": "big"}
    assert reader.read("the stands on the left").failure == "the thing asked for is not known: stands"


def test_adjectives_are_read_as_their_positive_alone():
    reader = WordReader(Vocabulary([*SPECIAL, "closest", "big", "car", "two", "glass"]))
    assert reader.read("close car").read_as == {}
    assert reader.read("bigger car").read_as == {"bigger": "big"}
    assert reader.read("2 car").read_as == {"2": "two"}
    assert reader.read("car with glasses").nearest.keys() == {"with", "glasses"}


def test_words_of_place_are_no_forms_of_others(reader):
    """ "Leaves" is a form of "left" in a dictionary only."""
    assert reader.read("red leaves with cat").failure == "the thing asked for is not known: leaves"
    assert not reader.read("red leaves with cat").read_as


@pytest.mark.parametrize(
    ("phrase", "head"),
    [
        ("the hat on the cat", "hat"),
        ("hat of the person", "hat"),
        ("big red trousers", "trousers"),
        ("cat tower", "tower"),
        ("person's hat", "hat"),
        ("left_person_hat", "hat"),
        ("lamp, left", "lamp"),
        ("tree right of the dog", "tree"),
        ("two lamps beside the couch", "lamps"),
        ("a trombone standing on a car", "trombone"),
    ],
)
def test_what_is_asked_for_is_unknown(reader, phrase, head):
    reading = reader.read(phrase)
    assert reading.failure == f"the thing asked for is not known: {head}"
    assert head in reading.nearest


@pytest.mark.parametrize(
    "phrase",
    ["cat with a hat", "fluffy cat", "man blue shirt", "man wearing a hat", "left in blue", "dog asleep", "man xyzzy"],
)
def test_other_unknown_words_are_only_said(reader, phrase):
    reading = reader.read(phrase)
    assert not reading.failure
    assert reading.nearest
    assert reading.remarks()[0].startswith("unknown to the model: ")


def test_what_is_told(reader):
    assert reader.read("the girafe").remarks() == ["'girafe' read as 'giraffe'"]
    reading = reader.read("red purpel dog giraphe qqq " + "dog " * 20)
    assert reading.remarks() == [
        "'purpel' read as 'purple'",
        "unknown to the model: giraphe (the nearest it knows: giraffe), qqq",
        "only the first 20 words were read; cut: dog dog dog dog dog",
    ]


@pytest.mark.parametrize("phrase", ["cats on the cart", "the left, red dog", "side of a car", "person of circle, man"])
def test_phrases_of_known_words_are_read_as_they_stand(reader, phrase):
    reading = reader.read(phrase)
    assert reading.encoded == reader.vocabulary.encode(phrase)
    assert reading.remarks() == []
    assert not reading.failure


def test_unknown_punctuation_is_passed_over(reader):
    assert reader.read("the left red dog!").encoded == reader.vocabulary.encode("the left red dog")
    assert reader.read("the left red dog!").remarks() == []


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        ("left_person", ("left", "person")),
        ("the person's dog", ("the", "person", "dog")),
        ("the person’s dog", ("the", "person", "dog")),
        ("red-car", ("red", "car")),
        ("a boat-dog", ("a", "boat", "dog")),
    ],
)
def test_underscores_hyphens_and_possessives(reader, phrase, words):
    reading = reader.read(phrase)
    assert reading.encoded.words == words
    assert reading.remarks() == []


def test_hyphens_of_words_that_are_known_as_one():
    reader = WordReader(Vocabulary([*SPECIAL, "hotdog", "shirt", "the"]))
    assert reader.read("the hot-dog").encoded.words == ("the", "hotdog")
    assert reader.read("the T-shirt").encoded.words == ("the", "shirt")
    assert WordReader(Vocabulary([*SPECIAL, "tshirt", "shirt"])).read("T-shirt").encoded.words == ("tshirt",)
    known = Vocabulary([*SPECIAL, "t", "-", "shirt", "tshirt", "'", "s"])
    assert WordReader(known).read("t-shirt's").encoded == known.encode("t-shirt's")


@pytest.fixture(scope="module")
def with_vectors():
    """A vocabulary whose last words have vectors and were in no training phrase."""
    trained = ["the", "red", "cat", "giraffe", "on", "left", "trees"]
    unseen = ["rocket", "tree", "girafe", "click", "s", "t", "tshirt"]
    return WordReader(Vocabulary([*SPECIAL, *trained, *unseen], trained=len(SPECIAL) + len(trained)))


def test_words_that_training_never_had(with_vectors):
    reading = with_vectors.read("the red rocket on the left")
    assert reading.remarks() == ["never seen in training: rocket"]
    assert reading.encoded == with_vectors.vocabulary.encode("the red rocket on the left")
    assert reading.certainty == UNSEEN_CERTAINTY < 1
    assert with_vectors.read("cat on the rocket").unseen == ("rocket",)
    assert with_vectors.read("cat on the rocket").certainty == 1
    assert with_vectors.read("the red cat").certainty == 1
    assert with_vectors.read("the xylophone on the rocket").certainty == 0


@pytest.mark.parametrize("word", ["tree", "girafe", "click"])
def test_a_word_with_a_vector_is_no_slip_or_form_of_another(with_vectors, word):
    reading = with_vectors.read(f"the {word}")
    assert reading.unseen == (word,)
    assert not reading.read_as


def test_words_that_are_read_for_others_are_those_of_training(with_vectors):
    assert with_vectors.read("red rockett").nearest.keys() == {"rockett"}
    assert with_vectors.read("the giraffee").read_as == {"giraffee": "giraffe"}


def test_letters_after_apostrophes_are_no_words_even_with_a_vector(with_vectors):
    assert with_vectors.read("the cat's trees").encoded.words == ("the", "cat", "trees")
    assert with_vectors.read("red T-shirt").encoded.words == ("red", "tshirt")


def test_a_vocabulary_that_strips_nothing():
    vocabulary = Vocabulary([*SPECIAL, "cat", "left"], strip=False)
    assert WordReader(vocabulary).read("cat, left").encoded == vocabulary.encode("cat, left")
    assert WordReader(vocabulary).read("cats, left").encoded == vocabulary.encode("cat, left")


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
