"""Known words spelt like a given one: as a plain comparison with every word finds them, but faster."""

import difflib
import itertools
import random
import statistics
import time

from asgn.inference.phrases.similar_words import SimilarWords, is_one_edit

LETTERS = "abcdeorst\u00e9"


def made_words(rng: random.Random, count: int) -> list[str]:
    return ["".join(rng.choices(LETTERS, k=rng.randint(1, 9))) for _ in range(count)]


def test_against_a_comparison_with_every_word():
    rng = random.Random(0)
    words = sorted(set(made_words(rng, 600)))
    similar = SimilarWords(words)
    found = {"edits": 0, "nearest": 0}
    for word in [*made_words(rng, 120), "x" * 40, "2nd", "\udcff\U0001f600", words[7]]:
        edits = [known for known in words if is_one_edit(word, known)]
        within = [known for known in words if abs(len(known) - len(word)) <= 3]
        nearest = next(iter(difflib.get_close_matches(word, within, n=1, cutoff=0.7)), None)
        assert similar.one_edit_from(word) == edits, word
        assert similar.nearest(word) == nearest, word
        found["edits"] += bool(edits)
        found["nearest"] += nearest is not None
    assert min(found.values()) > 20, "the words are too far apart to test anything"


def test_no_words():
    assert SimilarWords([]).one_edit_from("cat") == []
    assert SimilarWords([]).nearest("cat") is None


def test_many_words_cost_little():
    """Of 12,000 words a comparison with each takes 12 ms, this under 1; a slow machine may take its time."""
    rng = random.Random(0)
    similar = SimilarWords({"".join(rng.choices("abcdefghiklmnoprstu", k=rng.randint(3, 12))) for _ in range(12_000)})
    seconds = []
    for word in made_words(rng, 31):
        start = time.process_time()
        similar.one_edit_from(word)
        similar.nearest(word)
        seconds.append(time.process_time() - start)
    assert statistics.median(seconds) < 0.005


def test_one_edit_against_every_edit_spelt_out():
    """Oracle: all strings one edit from a word, made one by one."""
    letters = "abc"

    def edits(word: str) -> set[str]:
        pairs = [(word[:place], word[place:]) for place in range(len(word) + 1)]
        found = {head + tail[1:] for head, tail in pairs if tail}
        found |= {head + tail[1] + tail[0] + tail[2:] for head, tail in pairs if len(tail) > 1}
        for letter in letters:
            found |= {head + letter + tail[1:] for head, tail in pairs if tail}
            found |= {head + letter + tail for head, tail in pairs}
        return found - {word}

    words = ["".join(spelt) for length in range(1, 6) for spelt in itertools.product(letters, repeat=length)]
    for first in random.Random(0).sample(words, 60):
        near = edits(first)
        for second in words:
            assert is_one_edit(first, second) == (second in near), (first, second)
