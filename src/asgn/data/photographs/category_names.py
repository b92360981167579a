"""What people call the categories of public annotation files, and which of them they mix up."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping

from asgn.data.expressions.nouns import Noun, is_plural_alone, plural, readable_name

UNNAMED = Noun.of("object")
"""Stands for what has no name of its own; never said."""

_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "airplane": ("plane",), "aeroplane": ("plane", "airplane"), "backpack": ("bag",), "baseball bat": ("bat",),
    "baseball glove": ("glove", "mitt"), "bicycle": ("bike",), "cell phone": ("phone", "cellphone"),
    "couch": ("sofa",), "sofa": ("couch",), "dining table": ("table",), "diningtable": ("table", "dining table"),
    "donut": ("doughnut",), "fire hydrant": ("hydrant",), "hair drier": ("hair dryer",), "handbag": ("bag", "purse"),
    "laptop": ("computer",), "motorbike": ("motorcycle",), "motorcycle": ("motorbike",), "mouse": ("computer mouse",),
    "oven": ("stove",), "potted plant": ("plant",), "pottedplant": ("plant", "potted plant"),
    "refrigerator": ("fridge",), "remote": ("remote control",), "rug": ("carpet",), "sea": ("ocean", "water"),
    "sports ball": ("ball",), "suitcase": ("bag",), "teddy bear": ("stuffed bear", "teddy"),
    "tennis racket": ("racket",), "traffic light": ("stoplight",), "train tracks": ("tracks",), "river": ("water",),
    "tv": ("television", "screen"), "tvmonitor": ("tv", "screen"), "wine glass": ("glass",),
}  # fmt: skip
"""Only what fits every object of the category: nobody knows man from woman by the label `person`."""

_CONFUSED: tuple[frozenset[str], ...] = tuple(
    frozenset(group)
    for group in (
        ("person", "man", "woman", "boy", "girl", "child", "baby", "pedestrian", "rider", "people"),
        ("car", "truck", "bus", "van", "vehicle", "caravan", "trailer"), ("bus", "train", "tram"),
        ("bicycle", "motorcycle", "motorbike", "bike", "scooter"), ("boat", "ship", "surfboard"),
        ("couch", "sofa", "chair", "bench", "bed", "armchair", "stool"),
        ("cup", "mug", "glass", "wine glass", "bottle", "bowl", "vase"), ("bowl", "plate", "sink"),
        ("dining table", "diningtable", "table", "desk", "counter", "cabinet", "shelf", "furniture"),
        ("tv", "tvmonitor", "laptop", "computer", "monitor", "screen", "keyboard"), ("microwave", "oven", "toaster"),
        ("cell phone", "remote", "phone"), ("cow", "sheep", "horse", "goat", "bull"),
        ("dog", "wolf"), ("cat", "kitten"),
        ("dog", "cat", "teddy bear", "toy", "bear"), ("knife", "fork", "spoon"), ("bird", "kite", "airplane"),
        ("handbag", "backpack", "suitcase", "bag", "purse", "luggage"), ("light", "lamp", "traffic light"),
        ("potted plant", "pottedplant", "plant", "vase", "trees", "flowers", "bush", "broccoli"),
        ("apple", "orange", "banana", "fruit", "sports ball"),
        ("skis", "snowboard", "skateboard", "surfboard", "board"),
        ("cake", "sandwich", "pizza", "donut", "hot dog", "bread"), ("carrot", "broccoli", "vegetable", "salad"),
        ("food", "cake", "sandwich", "pizza", "donut", "hot dog", "carrot", "broccoli", "fruit", "apple", "orange",
         "banana"),
        ("book", "paper", "cardboard", "box", "banner"), ("tie", "scarf"), ("frisbee", "plate", "sports ball"),
        ("grass", "dirt", "sand", "playing field", "gravel", "ground", "snow", "mud"), ("grass", "trees", "bush"),
        ("road", "street", "pavement", "sidewalk", "platform", "floor", "ground", "dirt", "gravel"),
        ("floor", "rug", "carpet", "mat"), ("water", "sea", "river", "lake", "pool"), ("sky", "clouds", "fog"),
        ("buildings", "building", "house", "houses", "roof", "wall", "bridge"), ("wall", "ceiling", "fence", "tent"),
        ("mountains", "mountain", "rocks", "hill", "stone"), ("window", "door", "mirror", "glass"),
        ("curtain", "blinds", "window"), ("blanket", "towel", "pillow", "bed", "cloth", "rug", "napkin"),
        ("fence", "net", "railing"), ("stairs", "floor"),
        ("dress", "skirt", "romper", "bodysuit", "top"), ("skirt", "shorts"),
        ("shirt", "blouse", "t-shirt", "top", "sweater", "jumper", "sweatshirt", "hoodie", "cardigan", "vest",
         "bodysuit"),
        ("coat", "jacket", "blazer", "cape", "cardigan", "suit", "vest", "hoodie", "sweater"),
        ("pants", "jeans", "leggings", "tights", "stockings", "suit", "romper"), ("socks", "stockings", "tights"),
        ("shoes", "boots", "sandals", "heels", "pumps", "sneakers", "loafers", "flats", "wedges"),
        ("bag", "purse", "wallet"), ("glasses", "sunglasses"), ("bracelet", "watch", "ring"), ("hair", "hat"),
    )
)  # fmt: skip
"""Names that one person may use where another uses the other."""

_RENAMED = {
    "blind window": "window blinds", "playingfield": "playing field", "railroad": "train tracks", "tree": "trees",
    "building": "buildings", "mountain": "mountains", "rock": "rocks", "flower": "flowers",
}  # fmt: skip
"""Regions whose label is no phrase, or which merge all of a kind."""

_NAMELESS = frozenset(
    ("foreground", "background", "void", "unlabeled", "unlabelled", "unknown", "other", "misc", "ignore", "object",
     "thing", "stuff", "none")
)  # fmt: skip

_UNBROKEN = frozenset(
    ("sky", "clouds", "fog", "grass", "snow", "sand", "dirt", "gravel", "ground", "mud", "sea", "water", "river",
     "lake", "trees", "mountains", "buildings", "rocks", "flowers", "floor", "ceiling", "pavement", "road", "field",
     "wall", "tracks", "food", "net", "fence")
)  # fmt: skip
"""Regions that one name fits however many parts they are in, because it names a substance or many things."""

_BACKDROPS = frozenset(
    ("sky", "clouds", "fog", "trees", "mountains", "buildings", "wall", "sea", "house", "fence", "curtain", "blinds")
)

_OFTEN_MISTAKEN = frozenset(
    ("horse", "cow", "sheep", "bird", "chair", "bottle", "potted plant", "pottedplant", "bicycle")
)
"""Kinds that a network of few classes takes other things for, or draws several of as one."""

_NO_COLOUR = frozenset(
    ("person", "man", "woman", "boy", "girl", "child", "baby", "pedestrian", "rider", "bicycle", "zebra", "giraffe",
     "glass", "window", "mirror", "net", "fence", "tv", "tvmonitor", "laptop", "light", "table", "diningtable",
     "racket", "tracks", "food", "blinds", "water")
)  # fmt: skip
"""Things one sees through or of many colours, and people, whose colour nobody would take for their clothes'."""


def everyday_noun(label: str, is_stuff: bool, known: Collection[str] = ()) -> Noun | None:
    """The noun for a category's label, or None for one that names nothing ("video foreground").

    A synonym that is itself one of the file's names, the `known`, is left out.
    """
    name = readable_name(re.sub(r"[ _]*\([^)]*\)", "", label)).strip()
    if not name or _NAMELESS & set(name.split()) or label.lower() in _NAMELESS:
        return None
    name = _RENAMED.get(name, name) if is_stuff or name in ("blind window", "playingfield") else name
    if (name.endswith("s") and is_stuff) or is_plural_alone(name):
        return Noun(name, name, tuple((other, other) for other in _SYNONYMS.get(name, ()) if other not in known))
    return Noun.of(name, *(other for other in _SYNONYMS.get(name, ()) if other not in known))


def confusable_names(names: Collection[str]) -> dict[str, frozenset[str]]:
    """For each noun's name the other ones that somebody might use for its objects.

    Names are confused when they are of one group, share a synonym, or end in the same word ("brick wall" and "wall").
    """
    shared: dict[str, set[str]] = defaultdict(set)
    for name in names:
        head = _head(name)
        words = {head, plural(head), *_SYNONYMS.get(name, ())}
        groups = {f"group {index}" for index, group in enumerate(_CONFUSED) if group & {name, head}}
        for key in words | groups:
            shared[key].add(name)
    found: dict[str, set[str]] = {name: set() for name in names}
    for group in shared.values():
        for name in group:
            found[name] |= group
    return {name: frozenset(others - {name}) for name, others in found.items()}


def has_one_colour(name: str) -> bool:
    """Whether the pixels of such an object, taken together, can have a colour that people would name."""
    return name not in _NO_COLOUR and _head(name) not in _NO_COLOUR


def is_unbroken(name: str) -> bool:
    """Whether a region may lie in several parts and still be called by its one name."""
    return _head(name) in _UNBROKEN


def is_backdrop(name: str) -> bool:
    """Whether a region of this name lies behind things rather than under them."""
    return _head(name) in _BACKDROPS


def is_often_mistaken(name: str) -> bool:
    """Whether a network's outlines of such things are not to be relied on."""
    return name in _OFTEN_MISTAKEN


def _head(name: str) -> str:
    return name.rpartition(" ")[2]
