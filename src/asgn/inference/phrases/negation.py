"""What a phrase says is not meant. No model here understands it, so it is taken out and told to the person."""

import re

_SMALL = (
    r"(?:(?:but|and|with|who|whom|that|which|where|there|it|he|she|they|you|u|i|is|are|was|were|has|have|having|had|does"
    r"|do|did|can|could|of|(?:who|that|there|it|he|she)?['’]s)\s+|whose\s+\w+\s+)*"
)
"""Words that belong to a negation behind them: "that is not", "with no", "where there is no"."""

_CONTRACTED = r"(?:is|are|was|were|does|do|did|has|have|had|ca|could|wo|would|should|ai)n(?:['’`]\s?t|t)|can\s?not"
_EXCLUDING = (
    rf"not|{_CONTRACTED}|never|neither|nor|none|nobody|except(?:\s+for)?|excluding|other\s+than|rather\s+than"
    r"|instead\s+of|apart\s+from|aside\s+from|ignor(?:e|ing)|exclude|omit|avoid|minus"
)
_LACKING = r"without|w/o(?:ut)?|no(?!\W*\d)|nothing|lacking|sans"
_CLAUSE = r"(?:(?!\s-+\s)[^,.;:!?()\[\]/])*?"
_END = r"(?=\s*(?:[,.;:!?()\[\]/]|\s-+\s|$))"
_PLACE = (
    r"(?=\s+(?:on|in|at|to|from|near|next\s+to|towards?)\s+(?:the\s+)?(?:far\s+|very\s+|upper\s+|lower\s+|top\s+|bottom\s+)?"
    r"(?:left|right|top|bottom|middle|center|centre|front|back|background|foreground|corner|end|white|black|red|blue"
    r"|green|yellow|orange|pink|purple|brown|gr[ae]y)\b)"
)
_POLITE = r"\bno\s+(?:problems?|prob|worries)\b"
_SIGN = r"(?!\s+(?:\w+\s+){1,2}signs?\b)"

_NEGATIONS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        _POLITE,
        rf"\b{_SMALL}(?:not|{_CONTRACTED})\b{_SIGN}\s+\w+ing\b{_CLAUSE}(?:{_PLACE}|{_END})",
        rf"\b{_SMALL}(?:{_EXCLUDING})\b{_SIGN}{_CLAUSE}(?:\bbut\b(?!\s+not)|{_END})",
        rf"\b{_SMALL}(?:{_LACKING})\b{_SIGN}{_CLAUSE}(?:{_PLACE}|{_END})",
        r"\bnon(?:\s*-\s*|\s+)\w+",
        rf"(?<=\w)(?<!\bnot)\s+but\b(?!\s+not\b){_CLAUSE}{_END}",
    )
]
_ANY = re.compile(rf"\b(?:{_EXCLUDING}|{_LACKING}|non|but)\b", re.IGNORECASE)
_ALL_BUT = _NEGATIONS[-1]
_TOTAL = re.compile(r"\b(?:any|every|all|no|none|nothing|anything|everything|any\w+|every\w+)\b", re.IGNORECASE)
_EMPTY_BRACKETS = re.compile(r"[(\[]\s*[)\]]")
_LOST_COMMA = re.compile(r"([,;])\s*[,;]")
_LOOSE = " \t,.;:!?/-"


def split_negation(phrase: str) -> tuple[str, tuple[str, ...]]:
    """A phrase without what it excludes, and the parts that were taken out.

    "the man without a hat on the left" gives "the man on the left" and "without a hat"; of "not the man but the
    dog" "the dog" is left, of "not a cat" and "anything but the cat" nothing that names a thing. A phrase without
    negation comes back as it is.
    """
    if _ANY.search(phrase) is None:
        return phrase, ()
    kept, excluded = " ".join(phrase.split()), []
    for pattern in _NEGATIONS:
        if pattern is _ALL_BUT and _TOTAL.search(kept) is None:
            continue
        excluded += [match[0].strip() for match in pattern.finditer(kept)]
        kept = pattern.sub(" ", kept)
    if not excluded:
        return phrase, ()
    kept = _LOST_COMMA.sub(r"\1", _EMPTY_BRACKETS.sub(" ", kept))
    return re.sub(r"\s+", " ", kept).strip(_LOOSE), tuple(excluded)
