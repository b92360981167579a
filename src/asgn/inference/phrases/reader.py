"""How a model reads a person's words: what it makes of each, what it leaves out, and why it cannot answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asgn.data.vocabulary import MAX_WORDS, SPECIAL, Encoded, Vocabulary, tokenise
from asgn.errors import PhraseError
from asgn.inference.phrases.grammar import head_position
from asgn.inference.phrases.lookup import WordLookup
from asgn.inference.phrases.negation import split_negation
from asgn.inference.phrases.word_classes import NAMELESS, UNSPECIFIC

LONGEST_PHRASE = 100
"""Words beyond which a phrase is taken for a mistake rather than cut."""

_MAX_SHOWN = 60
_APOSTROPHES = ("'", "’")
UNSEEN_CERTAINTY = 0.8
"""Factor of the presence where no training phrase had the word for the thing asked for: with it, such things are found
where they are not as often as those of trained words (benchmarks/unseen_presence.py)."""
_CLITICS = frozenset(("s", "t", "re", "ve", "ll", "d", "m"))
"""What stands after an apostrophe and is no word ("person's")."""


@dataclass(frozen=True)
class Reading:
    """A phrase as the model reads it."""

    encoded: Encoded
    """What goes into the network."""
    read_as: Mapping[str, str]
    """Words that the model does not know, and the known words that it read for them."""
    nearest: Mapping[str, str | None]
    """Words that it does not know and could not read, with the known word spelt most like it if there is one."""
    unseen: tuple[str, ...] = ()
    """Words that it knows by their vectors alone: no training phrase had them."""
    excluded: tuple[str, ...] = ()
    """Negations, which were not read."""
    failure: str = ""
    """Why no answer can be right; empty where one may be."""
    certainty: float = 1.0
    """What the presence is multiplied by: below 1 where the thing asked for is unseen, 0 where an answer is wrong."""

    def remarks(self) -> list[str]:
        """What a person should be told of the reading, one sentence each."""
        said = [f"'{_brief(text)}' was not read: the model does not know negation" for text in self.excluded]
        said += [f"'{word}' read as '{known}'" for word, known in self.read_as.items()]
        if self.nearest:
            said.append("unknown to the model: " + ", ".join(map(_with_nearest, self.nearest.items())))
        if self.unseen:
            said.append("never seen in training: " + ", ".join(self.unseen))
        if self.encoded.cut:
            cut = _brief(" ".join(self.encoded.cut))
            said.append(f"only the first {len(self.encoded.words)} words were read; cut: {cut}")
        return said


class WordReader:
    """Reads phrases by one vocabulary. A phrase of known words without negation is read as it stands.

    Unknown words are read as known ones where `WordLookup` finds one that means the same. What a phrase excludes is
    not read. Punctuation that the model does not know is passed over.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._lookup = WordLookup(vocabulary.words[len(SPECIAL) : vocabulary.trained])

    def read(self, phrase: str) -> Reading:
        """Read a phrase.

        Raises:
            PhraseError: it holds no word, more than 100, or none that the model knows and that names anything.
        """
        phrase = writable(phrase)
        tokens = self._tokens(phrase)
        if not tokens:
            raise PhraseError(
                f"the phrase {_brief(phrase)!r} holds no word: say what to segment, such as 'left person'"
            )
        if len(tokens) > LONGEST_PHRASE:
            raise PhraseError(
                f"a phrase of {len(tokens)} words is too long: only {MAX_WORDS} are read; give the main ones"
            )
        kept, excluded = split_negation(phrase)
        if not excluded:
            return self._check(self._read(tokens, phrase), phrase)
        tokens = self._tokens(kept)
        if UNSPECIFIC.issuperset(tokens):
            failure = "the phrase only says what is not meant: say what to segment"
            return Reading(self.vocabulary.encode(phrase), {}, {}, failure=failure, certainty=0.0)
        return self._check(self._read(tokens, kept, excluded), phrase)

    def _tokens(self, phrase: str) -> list[str]:
        """The words as the vocabulary has them; others without underscores, hyphens and what follows an apostrophe."""
        tokens = tokenise(phrase, self.vocabulary.strip)
        if all(map(self.vocabulary.was_trained, tokens)):
            return tokens
        tokens = self._joined([part for token in tokens for part in self._parts(token)])
        if not self.vocabulary.strip:
            return tokens
        return [token for token in tokens if token in self.vocabulary or any(map(str.isalnum, token))]

    def _parts(self, token: str) -> list[str]:
        return [token] if token in self.vocabulary else [part for part in token.split("_") if part]

    def _joined(self, tokens: Sequence[str]) -> list[str]:
        """The tokens with "hot-dog" as "hotdog" where that is known, a T-shirt as a shirt, and no "s" of "person's"."""
        joined: list[str] = []
        for token in tokens:
            before = joined[-1].strip() if joined else ""
            is_new = not self.vocabulary.was_trained(token)
            if before in _APOSTROPHES and token in _CLITICS and is_new:
                continue
            if before == "-" and len(joined) > 1:
                first = joined[-2]
                is_pair_new = is_new or not self.vocabulary.was_trained(first)
                if is_pair_new and first + token in self.vocabulary:
                    joined[-2:] = [first + token]
                    continue
                if first == "t" and not self.vocabulary.was_trained(first):
                    del joined[-2:]
            joined.append(token)
        return joined

    def _read(self, tokens: Sequence[str], phrase: str, excluded: tuple[str, ...] = ()) -> Reading:
        new = [token for token in dict.fromkeys(tokens[:MAX_WORDS]) if not self.vocabulary.was_trained(token)]
        head = head_word(phrase) if new else None
        unseen = tuple(word for word in new if word in self.vocabulary)
        read_as, nearest = {}, {}
        for word in new:
            if word in unseen:
                continue
            known, alike = self._lookup.find(word, is_head=word == head)
            if known is None:
                nearest[word] = alike
            else:
                read_as[word] = known
        meant = [part for token in tokens for part in (read_as[token].split() if token in read_as else (token,))]
        failure = f"the thing asked for is not known: {_brief(head)}" if head is not None and head in nearest else ""
        certainty = 0.0 if failure else UNSEEN_CERTAINTY if head in unseen else 1.0
        is_as_it_stands = meant == tokenise(phrase, self.vocabulary.strip)
        encoded = self.vocabulary.encode(phrase) if is_as_it_stands else self.vocabulary.encode_tokens(meant)
        return Reading(encoded, read_as, nearest, unseen, excluded, failure, certainty)

    def _check(self, reading: Reading, phrase: str) -> Reading:
        naming = [word for word in reading.encoded.words if word not in NAMELESS]
        if any(word not in reading.nearest for word in naming):
            return reading
        if not reading.nearest:
            raise PhraseError(
                f"the phrase {_brief(phrase)!r} names nothing: say what to segment, such as 'left person'"
            )
        near = sorted({word for word in reading.nearest.values() if word is not None})
        advice = f"; did you mean {', '.join(near)}?" if near else ": use other words"
        raise PhraseError(f"no word of the phrase {_brief(phrase)!r} that names anything is known to the model{advice}")


def head_word(phrase: str) -> str | None:
    """The word that names what a phrase asks for, if one does (see `head_position`)."""
    tokens = tokenise(phrase.replace("_", " "), strip=True)
    place = head_position(tokens)
    return None if place is None else tokens[place]


def writable(phrase: str) -> str:
    """The phrase with question marks for lone surrogates: bytes of a command line that are no UTF-8, say.

    No file can hold them.
    """
    return phrase.encode("utf-8", "replace").decode("utf-8")


def _with_nearest(unknown: tuple[str, str | None]) -> str:
    word, near = unknown
    return _brief(word) if near is None else f"{word} (the nearest it knows: {near})"


def _brief(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."
