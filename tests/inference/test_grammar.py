"""Which word names what is asked for. The longer phrases are from ReferIt's training text."""

import pytest

from asgn.inference.phrases.reader import head_word


@pytest.mark.parametrize(
    ("phrase", "head"),
    [
        ("the hat on the cat", "hat"),
        ("the tree behind the car", "tree"),
        ("left guy in white", "guy"),
        ("man holding bat", "man"),
        ("man blue shirt", "man"),
        ("crouching guy right blue shirt", "guy"),
        ("the wooden cutting board", "board"),
        ("dining table", "table"),
        ("cat tower", "tower"),
        ("baby elephant", "elephant"),
        ("white jacket guy", "guy"),
        ("red and white flag", "flag"),
        ("big, red truck", "truck"),
        ("building red brick", "building"),
        ("woman seated left", "woman"),
        ("man asleep", "man"),
        ("person's hat", "hat"),
        ("building's bottom window on right", "window"),
        ("giraffe's", "giraffe"),
        ("one of the dogs", "dogs"),
        ("slice of pizza", "pizza"),
        ("bowl of soup", "bowl"),
        ("third chair from left", "chair"),
        ("guy farthest right  loner", "guy"),
        ("any part of the rock wall", "wall"),
        ("tupperware lower left", "tupperware"),
        ("sidewalk that they are sitting on", "sidewalk"),
        ("left_person", "person"),
        ("second from right", None),
        ("the one in red", None),
        ("on the left", None),
        ("in blue shirt", None),
        ("left", None),
        ("", None),
        ("?!", None),
    ],
)
def test_head_word(phrase, head):
    assert head_word(phrase) == head
