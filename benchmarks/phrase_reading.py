"""How many real phrases are read whole, with a remark, or refused, by which rule, and every word read as another.

    python -m benchmarks.phrase_reading REFCOCO_TEXT WORD_VECTORS [MODEL]

REFCOCO_TEXT holds val.json, testA.json and testB.json with the sentences of UNC's evaluation splits, WORD_VECTORS is
a table as `asgn train --word-vectors` takes it. Each phrase is read by the model's own words, and by them and the
table. Only for counting: no rule is made from these sentences. Expected: at least 95 % read whole with the table, no
English word read as another but as a form or a synonym of it, a median under 1 ms.
"""

import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asgn.data.files.word_vectors import read_word_vectors
from asgn.data.vocabulary import Vocabulary
from asgn.errors import PhraseError
from asgn.experiments.runs.words import with_vectors
from asgn.inference.load import load
from asgn.inference.phrases.english import is_english, noun_forms
from asgn.inference.phrases.reader import Reading, WordReader
from asgn.inference.phrases.synonyms import SYNONYMS
from benchmarks.measure import record

GUESSES = ("slip", "two words written as one")
SLOW = (
    "gnarfle blorptic zwindish frumbled quaxing plorvish snibbet trelfine vombast wexling yondrel zibbert drolk fesp "
    "hlimm jorque kwent muxle pryff"
)
"""19 words that nobody knows."""


def read_phrases(folder: Path) -> list[str]:
    return [
        item["text"]
        for split in ("val", "testA", "testB")
        for item in json.loads((folder / f"{split}.json").read_text(encoding="utf-8"))["items"]
    ]


def rule_of(word: str, known: str) -> str:
    """By which rule of `WordLookup` a word was read as another."""
    if " " in known:
        return "two words written as one"
    if any(set(noun_forms(known) or (known,)) & set(SYNONYMS.get(form, ())) for form in (word, *noun_forms(word))):
        return "synonym"
    return "form of a known word" if is_english(word) else "slip"


def rules(reading: Reading) -> set[str]:
    """What a reading did beside looking words up."""
    used = {rule_of(*pair) for pair in reading.read_as.items()}
    named = {
        "unknown words named": reading.nearest and not reading.failure,
        "words never seen in training": reading.unseen,
        "negation left out": reading.excluded,
        "cut": reading.encoded.cut,
    }
    return used | {name for name, holds in named.items() if holds}


def outcome(reading: Reading | str) -> str:
    if isinstance(reading, str):
        return "refused: " + ("no known word" if "no word of the phrase" in reading else "names nothing")
    if reading.failure:
        return "not found: " + reading.failure.partition(":")[0]
    if not rules(reading):
        return "whole"
    return "whole, some words never seen in training" if is_whole(reading) else "with a remark"


def is_read(reading: Reading | str) -> bool:
    """Whether every word is read, as it stands or as another."""
    return isinstance(reading, Reading) and not (
        reading.nearest or reading.excluded or reading.encoded.cut or reading.failure
    )


def is_whole(reading: Reading) -> bool:
    """Whether every word is read as it stands."""
    return not (reading.read_as or reading.nearest or reading.excluded or reading.encoded.cut or reading.failure)


def timed(reader: WordReader, phrase: str) -> tuple[Reading | str, float]:
    """A reading, or why there is none, and the processor seconds it took."""
    start = time.process_time()
    try:
        reading: Reading | str = reader.read(phrase)
    except PhraseError as error:
        reading = str(error)
    return reading, time.process_time() - start


def count(vocabulary: Vocabulary, phrases: Sequence[str]) -> dict[str, Any]:
    reader = WordReader(vocabulary)
    timed(reader, "left girafe")  # opens the dictionaries
    read = 0
    outcomes, used, changes, seconds = Counter[str](), Counter[str](), Counter[tuple[str, str]](), []
    for phrase in phrases:
        reading, taken = timed(reader, phrase)
        seconds.append(taken)
        outcomes[outcome(reading)] += 1
        read += is_read(reading)
        if isinstance(reading, Reading):
            used.update(rules(reading))
            changes.update(reading.read_as.items())
    whole = sum(number for name, number in outcomes.items() if name.startswith("whole"))
    wrong = [word for word, known in changes if is_english(word) and rule_of(word, known) in GUESSES]
    _, slow = timed(reader, SLOW)
    return {
        "words": len(vocabulary),
        "words of training": vocabulary.trained,
        "phrases": len(phrases),
        "every word read as it stands": f"{100 * whole / len(phrases):.1f} %",
        "every word read, as it stands or as another": f"{100 * read / len(phrases):.1f} %",
        "outcomes": dict(outcomes.most_common()),
        "phrases by rule": dict(used.most_common()),
        "English words taken for slips": wrong,
        "median ms": round(1e3 * statistics.median(seconds), 3),
        "99th percentile ms": round(1e3 * statistics.quantiles(seconds, n=100)[98], 3),
        "ms of a phrase of 19 unknown words": round(1e3 * slow, 2),
        "words read as others": {
            rule: " ".join(
                f"{word}>{known.replace(' ', '+')}:{number}"
                for (word, known), number in changes.most_common()
                if rule_of(word, known) == rule
            )
            for rule in sorted({rule_of(*change) for change in changes})
        },
    }


def main() -> None:
    folder, table, *model = sys.argv[1:]
    phrases = read_phrases(Path(folder))
    own = load(*model).vocabulary
    trained = Vocabulary(own.words[: own.trained], own.strip)
    with_table, _ = with_vectors(trained, read_word_vectors(Path(table)), None)
    record(
        "phrase_reading",
        {"the model's own words": count(trained, phrases), "and word vectors": count(with_table, phrases)},
    )


if __name__ == "__main__":
    main()
