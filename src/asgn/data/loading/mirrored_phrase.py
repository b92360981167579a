"""What a phrase becomes when its image is mirrored: left and right change places where they mean a side."""

import re

_WORD = re.compile(
    r"""(?P<before>(?:top|bottom|upper|lower|mid|middle|center|back|front|far|on|to)?)
        (?P<side>left|right)
        (?P<after>(?:s|most|hand|handed|er|est|ish|side|ward|wards|corner|y|ie|ies)?)""",
    re.VERBOSE,
)
_ABBREVIATIONS = {"l": "r", "r": "l", "lt": "rt", "rt": "lt", "lft": "rght", "rght": "lft"}
_OTHER = {"left": "right", "right": "left"}

_PLACED = re.compile(
    r"\b(?:on|to|from|in|at|of|the|his|her|their|its|your|far|very|most|slightly|furthest|farthest|top|bottom|upper|lower|back"
    r"|front|middle|mid|center|centre|rear|and|or)\W+$"
)
"""Before "right": words after which it is a side, whatever follows ("the one on the right next to the car")."""

_JUST = re.compile(
    r"^\s+(?:(?:next|close|up)\s+to|near|beside|besides|by|behind|before|after|above|below|under|underneath|beneath|over"
    r"|against|around|between|along|alongside|atop|inside|outside|outta|through|across|past|where|here|there|now|away|at"
    r"|in\s+(?:the\s+)?(?:very\s+)?(?:middle|center|centre|front|between|back|foreground)|in\s?between|infront"
    r"|(?:on|to)\s+(?:the\s+)?(?:very\s+)?(?:top|edge|left|right)|ontop|up\s+against|side\s+up|angle|angled)\b"
)
"""After "right": words before which it means "just" ("right next to the car"), or names something else."""

_STAYED = re.compile(r"^\s*(?:overs?|over|out|behind|alone|to\s+(?:eat|be)|uneaten)\b")
_REMAINS = re.compile(r"\b(?:what|nothing|anything|something|everything|all\s+that)(?:\W+is|\W?s)?\s+$")
_SUBJECT = re.compile(
    r"(?<!\bon )(?<!\bont )(?<!\bto )(?<!\btot )\b(?:he|she|they|we|i|who)(?:\s+(?:has|have|had|just))*\s+$"
)
"""Before "left": who left something; "ont he left" is a slip, and "on left the one in red" a side."""

_OBJECT = re.compile(r"^\s+(?:the|an?|his|her|their|its|my)\b")
_GRADE = re.compile(r"\b(?:all|that\W?s|that\s+is|just\s+about)\s+$")
_LETTER_BEFORE = re.compile(r"(?:\b(?:letters?|toys|initials?)\s+|[&.'’-])$")
_LETTER_AFTER = re.compile(r"^(?:[&.'’-]\w|\s*(?:shaped?|us)\b)")
_THE_LETTER = re.compile(r"\b(?:the|an?)\s+$")
_SET_IN = re.compile(r"^\s+(?:in|on|of)\b")
_NOUN_OF_SIDE = re.compile(r"^\W*(?:side|hand|corner|edge|half|part|most|one|ones)\b")


def mirrored_phrase(phrase: str) -> str:
    """The phrase as it would be said of the mirrored image.

    "Right" stays where it means "just" ("right behind the car") or "well" ("all right"), "left" where it means what
    remains ("left over") or is a verb ("the man who left the room"), and L and R where they are letters ("L-shaped").
    Case is kept.
    """
    lowered = phrase.lower()

    def swapped(match: re.Match[str]) -> str:
        word, before, after = match[0], lowered[: match.start()], lowered[match.end() :]
        other = _other_side(word.lower())
        if other is None or _means_no_side(word.lower(), before, after):
            return word
        return _in_case_of(word, other)

    return re.sub(r"[A-Za-z]+", swapped, phrase)


def _other_side(word: str) -> str | None:
    if word in _ABBREVIATIONS:
        return _ABBREVIATIONS[word]
    parts = _WORD.fullmatch(word)
    return None if parts is None else parts["before"] + _OTHER[parts["side"]] + parts["after"]


def _means_no_side(word: str, before: str, after: str) -> bool:
    if word == "right":
        is_just = _JUST.search(after) is not None and _PLACED.search(before) is None
        return is_just or (_GRADE.search(before) is not None and _NOUN_OF_SIDE.search(after) is None)
    if word == "left":
        is_kept = _STAYED.search(after) is not None and _PLACED.search(before) is None
        is_verb = _SUBJECT.search(before) is not None and _OBJECT.search(after) is not None
        return is_kept or is_verb or _REMAINS.search(before) is not None
    if word in ("l", "r"):
        is_letter = _LETTER_BEFORE.search(before) is not None or _LETTER_AFTER.search(after) is not None
        return is_letter or (_THE_LETTER.search(before) is not None and _SET_IN.search(after) is not None)
    return False


def _in_case_of(word: str, other: str) -> str:
    if len(word) > 1 and word.isupper():
        return other.upper()
    return other.capitalize() if word[0].isupper() else other
