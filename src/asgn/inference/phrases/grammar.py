"""Which word of a referring expression names what is asked for, and whether that is one thing."""

from collections.abc import Sequence

from asgn.inference.phrases.english import is_listed, is_noun, noun_forms, verb_forms
from asgn.inference.phrases.word_classes import (
    ARTICLES,
    FOLLOWING,
    GENERIC,
    JOINING,
    MODIFIERS,
    PARTS,
    REGIONS,
    REQUESTS,
    SEVERAL,
)


def head_position(tokens: Sequence[str]) -> int | None:
    """Where the word stands that names what is asked for: the last noun of the first noun phrase.

    "hat" in "the red hat on the cat", "man" in "left man holding a bat" and in "man blue shirt". None where no noun
    is asked for ("second from right", "in blue").
    """
    head: int | None = None
    owner: int | None = None
    for place, word in enumerate(tokens):
        is_first = head is None
        if word == "of" and place and tokens[place - 1] in PARTS:
            head = None
        elif word == "s" and place and tokens[place - 1] in ("'", "’"):
            owner, head = head, None
        elif not word.isalnum():
            if not is_first and word not in ("'", "’", "-"):
                break
        elif word in JOINING:
            if not is_first or word not in ("and", "or", "that"):
                break
        elif _describes(word):
            if not is_first:
                break
        elif not is_first and not _continues(word):
            break
        elif is_noun(word) or not is_listed(word):
            head = place
    return owner if head is None else head


def asks_for_one_thing(tokens: Sequence[str]) -> bool:
    """Whether what is asked for is one thing: not "the dogs", "two of them", "man and dog" or "the sky".

    Jeans are taken for one thing, and so is what has no noun ("second from left").
    """
    if not SEVERAL.isdisjoint(tokens):
        return False
    head = head_position(tokens)
    if head is None:
        return True
    word = tokens[head]
    return word not in REGIONS and (not is_noun(word) or word in noun_forms(word))


def _describes(word: str) -> bool:
    """Whether a word stands before nouns or after them, but is none."""
    return word in MODIFIERS or word in ARTICLES or word in GENERIC or word in REQUESTS or word.isdigit()


def _continues(word: str) -> bool:
    """Whether a word behind a noun makes a compound of it ("fire hydrant", "cat tower"), and is no verb."""
    is_participle = word.endswith("ing") and bool(verb_forms(word))
    return is_noun(word) and not is_participle and word not in FOLLOWING
