"""Known words spelt like a given one: as every edit spelt out finds them, and fast."""

import itertools
import random
import statistics
import time

from asgn.inference.phrases.similar_words import SimilarWords

LETTERS = "abc"


def edits(word: str) -> set[str]:
    """Oracle: all strings one edit from a word, made one by one."""
    pairs = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    found = {head + tail[1:] for head, tail in pairs if tail}
    found |= {head + tail[1] + tail[0] + tail[2:] for head, tail in pairs if len(tail) > 1}
    for letter in LETTERS:
        found |= {head + letter + tail[1:] for head, tail in pairs if tail}
        found |= {head + letter + tail for head, tail in pairs}
    return found - {word}


def test_against_every_edit_spelt_out():
    rng = random.Random(0)
    every = ["".join(spelt) for length in range(2, 7) for spelt in itertools.product(LETTERS, repeat=length)]
    words = sorted(rng.sample(every, 300))
    similar = SimilarWords(words)
    near = 0
    for word in rng.sample(every, 200):
        assert similar.one_edit_from(word) == sorted(edits(word) & set(words)), word
        near += bool(similar.one_edit_from(word))
    assert 100 < near < 200


def test_the_nearest():
    similar = SimilarWords(["giraffe", "cat", "dog", "umbrella", "boat"])
    assert similar.nearest("giraphe") == "giraffe"
    assert similar.nearest("umbrlela") == "umbrella"
    assert SimilarWords(["a", "at"]).nearest("\N{CJK UNIFIED IDEOGRAPH-732B}") is None
    assert similar.nearest("boot") == "boat"
    assert similar.nearest("bo") is None, "two of four letters make another word"
    assert similar.nearest("x" * 90) is None
    assert SimilarWords([]).nearest("cat") is None


def test_many_words_cost_little():
    rng = random.Random(0)
    similar = SimilarWords({"".join(rng.choices("abcdefghiklmnoprstu", k=rng.randint(3, 12))) for _ in range(12_000)})
    seconds = []
    for word in ["".join(rng.choices("abcdeorst\u00e9", k=rng.randint(1, 9))) for _ in range(31)]:
        start = time.process_time()
        similar.one_edit_from(word)
        similar.nearest(word)
        seconds.append(time.process_time() - start)
    assert statistics.median(seconds) < 0.005
