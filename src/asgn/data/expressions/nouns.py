"""Names of categories as people write them: plurals, synonyms, and the labels of panoptic files made readable."""

from dataclasses import dataclass

_IRREGULAR = {
    "person": "people", "man": "men", "woman": "women", "child": "children", "mouse": "mice", "knife": "knives",
    "shelf": "shelves", "leaf": "leaves", "sheep": "sheep", "fish": "fish", "skis": "skis", "scissors": "scissors",
    "stairs": "stairs", "broccoli": "broccoli", "fruit": "fruit", "foot": "feet", "tooth": "teeth",
    "aircraft": "aircraft", "deer": "deer",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Noun:
    """A category's name, its plural, and other (singular, plural) names for the same thing."""

    name: str
    plural: str
    synonyms: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, name: str, *synonyms: str) -> "Noun":
        """A noun whose plurals follow from its names."""
        return cls(name, plural(name), tuple((other, plural(other)) for other in synonyms))

    @property
    def forms(self) -> tuple[tuple[str, str], ...]:
        """All (singular, plural) names, the category's own first."""
        return ((self.name, self.plural), *self.synonyms)


def plural(name: str) -> str:
    """The plural of an English noun phrase, whose last word takes the ending ("dining tables")."""
    head, _, last = name.rpartition(" ")
    if last in _IRREGULAR:
        ending = _IRREGULAR[last]
    elif last.endswith(("s", "x", "z", "ch", "sh")):
        ending = last + "es"
    elif last.endswith("y") and last[-2:-1] not in set("aeiou"):
        ending = last[:-1] + "ies"
    else:
        ending = last + "s"
    return f"{head} {ending}" if head else ending


def readable_name(label: str) -> str:
    """The name in a label of COCO's stuff and panoptic files: "wall-brick" is a brick wall, "sky-other-merged" sky."""
    base, *rest = label.replace("_", " ").lower().split("-")
    kinds = [word for word in rest if word not in ("merged", "other", "stuff")]
    return " ".join([*kinds, base])
