import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from asgn.data.files.word_vectors import read_word_vectors
from asgn.data.loading.word_dropout import KEPT, SHARE, by_vector_alone
from asgn.data.vocabulary import SPECIAL, Vocabulary
from asgn.errors import DataError

SHARED = Path(os.environ.get("ASGN_SHARED", Path(__file__).parents[2] / "../shared"))
GLOVE = SHARED / "weights/glove_6b_50d_words_fp16.safetensors"
VECTORS = torch.tensor([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0], [5.0, 0.0], [0.0, 0.0]])
WORDS = ["dog", "t-shirt", "cat", "dog", "Bird"]


def as_pair(folder, words=WORDS, vectors=VECTORS):
    save_file({"vectors": vectors.half()}, folder / "words_fp16.safetensors")
    (folder / "words.txt").write_text("\n".join(words) + "\n")
    return folder / "words_fp16.safetensors"


def as_text(folder, words=WORDS, vectors=VECTORS):
    lines = [" ".join([word, *map(str, row)]) for word, row in zip(words, vectors.tolist(), strict=True)]
    (folder / "glove.txt").write_text("\n".join(lines) + "\n")
    return folder / "glove.txt"


@pytest.mark.parametrize("write", [as_pair, as_text])
def test_both_forms_give_unit_vectors_of_the_words_that_phrases_have(tmp_path, write):
    read = read_word_vectors(write(tmp_path))
    assert read.words == ("dog", "cat")
    assert read.vectors.numpy() == pytest.approx(np.array([[0.6, 0.8], [1, 0]]), abs=1e-6)
    rows = read.rows_for(["<pad>", "cat", "zebra", "dog"])
    assert rows.numpy() == pytest.approx(np.array([[0, 0], [1, 0], [0, 0], [0.6, 0.8]]), abs=1e-6)


def spoil_words(folder):
    return as_pair(folder, words=WORDS[:-1])


def spoil_list(folder):
    path = as_pair(folder)
    (folder / "words.txt").unlink()
    return path


def spoil_name(folder):
    path = as_pair(folder)
    save_file({"weights": VECTORS}, path)
    return path


def spoil_text(folder):
    path = as_text(folder)
    path.write_text("dog 1 2\ncat 1 x\n")
    return path


def spoil_row(folder):
    path = as_text(folder)
    path.write_text("dog 1 2\ncat 1 2 3\n")
    return path


def spoil_number(folder):
    return as_text(folder, vectors=VECTORS * torch.nan)


SPOILED = {
    spoil_words: r"words_fp16.*4 words, \(5, 2\) numbers",
    spoil_list: r"lack their words: .*words_fp16.txt",
    spoil_name: "lack the tensor `vectors`",
    spoil_text: "glove.txt, line 2: expected a word and numbers",
    spoil_row: "line 2: 3 numbers, the lines before have 2",
    spoil_number: "not finite",
    lambda folder: folder / "missing.safetensors": "missing.safetensors",
    lambda folder: folder / "missing.txt": "missing.txt",
}


@pytest.mark.parametrize("spoil", SPOILED)
def test_bad_tables_are_refused_in_one_line(tmp_path, spoil):
    with pytest.raises(DataError, match=SPOILED[spoil]) as error:
        read_word_vectors(spoil(tmp_path))
    assert "\n" not in str(error.value)


@pytest.mark.skipif(not GLOVE.is_file(), reason="no shared weights: set ASGN_SHARED")
def test_the_shared_table():
    read = read_word_vectors(GLOVE)
    assert read.size == 50
    assert {"man", "rocket", "leftmost"} <= set(read.words)
    row = {word: read.vectors[number] for number, word in enumerate(read.words)}
    assert row["dog"] @ row["puppy"] > 0.6 > 0.5 > row["dog"] @ row["table"]


def test_a_vocabulary_tells_trained_words_from_those_it_knows_by_their_vectors():
    vocabulary = Vocabulary([*SPECIAL, "dog", "rocket"], trained=5)
    assert vocabulary.was_trained("dog")
    assert not vocabulary.was_trained("rocket")
    assert not vocabulary.was_trained("zebra")
    assert vocabulary.encode("a rocket").unknown == ("a",)
    assert Vocabulary([*SPECIAL, "dog"]).trained == 5


def test_a_tenth_of_the_words_stand_for_their_vector_alone_but_never_sides():
    vocabulary = Vocabulary([*SPECIAL, "dog", "left"], trained=6)
    encoded = vocabulary.encode(" ".join(["dog"] * 10 + ["left"] * 10))
    drawn = [by_vector_alone(encoded, 6, (0, step, 1)) for step in range(400)]
    dogs = np.array([ids[:10] for ids in drawn])
    assert set(dogs.flatten()) == {4, 10}
    assert (dogs == 10).mean() == pytest.approx(SHARE, abs=0.02)
    assert all(ids[10:] == [5] * 10 for ids in drawn)
    assert drawn[3] == by_vector_alone(encoded, 6, (0, 3, 1))
    assert drawn[3:] != drawn[:-3]
    assert by_vector_alone(vocabulary.encode("?"), 6, (0, 0, 1)) == [3]
    assert {"left", "right"} <= KEPT
