"""What synthetic scenes are made of: shapes before two or three background regions, placed by a random stream.

Nothing is drawn here (see `drawing`). Positions and radii are fractions of the side of the square image.
"""

import math
import random
from dataclasses import dataclass

from asgn.data.expressions.nouns import Noun

Colour = tuple[int, int, int]

SHAPES = {
    noun.name: noun
    for noun in (
        Noun.of("circle", "disk"), Noun.of("square"), Noun.of("triangle"), Noun.of("star"), Noun.of("ring", "hoop"),
        Noun.of("cross", "plus sign"), Noun.of("heart"), Noun.of("hexagon"), Noun.of("diamond"),
        Noun.of("frame", "picture frame"),
    )
}  # fmt: skip
LOOKALIKES = {
    "ring": frozenset({"circle"}), "frame": frozenset({"square", "diamond"}),
    "square": frozenset({"diamond"}), "diamond": frozenset({"square"}),
}  # fmt: skip
"""Other shapes' names that somebody might use for a shape."""
GENERIC = Noun("shape", "shapes", (("object", "objects"), ("thing", "things")))

PALETTE: dict[str, Colour] = {
    "red": (205, 40, 45), "orange": (243, 138, 28), "yellow": (247, 212, 40), "green": (52, 152, 70),
    "blue": (42, 88, 200), "purple": (128, 58, 170), "pink": (244, 130, 182), "brown": (124, 76, 40),
    "black": (34, 34, 38), "white": (246, 246, 243), "gray": (132, 134, 138),
}  # fmt: skip

REGIONS = {
    noun.name: noun
    for noun in (
        Noun.of("sky"), Noun.of("wall"), Noun.of("sea", "water"), Noun.of("mountain"), Noun.of("hill"),
        Noun.of("grass", "lawn"), Noun.of("sand", "beach"), Noun.of("ground", "dirt"), Noun.of("snow"),
        Noun.of("floor"), Noun.of("road"),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Material:
    """How a region looks: its colour word, its colour, and its pattern (a key of `textures.PATTERNS`)."""

    colour: str
    rgb: Colour
    pattern: str


MATERIALS: dict[str, tuple[Material, ...]] = {
    "sky": (
        Material("blue", (140, 190, 236), "clouds"), Material("blue", (108, 164, 222), "clouds"),
        Material("gray", (182, 190, 198), "clouds"), Material("pink", (243, 186, 178), "clouds"),
    ),
    "wall": (
        Material("white", (232, 228, 218), "plaster"), Material("red", (172, 96, 80), "bricks"),
        Material("green", (158, 184, 156), "plaster"), Material("gray", (176, 174, 172), "bricks"),
        Material("yellow", (232, 212, 150), "plaster"),
    ),
    "sea": (Material("blue", (58, 126, 164), "waves"), Material("blue", (92, 140, 186), "waves")),
    "mountain": (Material("gray", (128, 132, 146), "rock"), Material("brown", (140, 118, 102), "rock")),
    "hill": (Material("green", (104, 150, 98), "meadow"), Material("brown", (164, 142, 96), "meadow")),
    "grass": (Material("green", (112, 168, 76), "meadow"), Material("green", (136, 180, 88), "meadow")),
    "sand": (Material("yellow", (226, 204, 152), "grains"),),
    "ground": (Material("brown", (152, 116, 82), "grains"), Material("brown", (134, 106, 84), "rock")),
    "snow": (Material("white", (236, 240, 246), "plaster"),),
    "floor": (Material("brown", (178, 134, 92), "planks"), Material("gray", (162, 160, 156), "tiles")),
    "road": (Material("gray", (120, 120, 124), "grains"),),
}  # fmt: skip

_OUTDOOR_GROUND = ("grass", "sand", "ground", "snow", "road")
_BEHIND = ("sea", "mountain", "hill")


@dataclass(frozen=True, slots=True)
class Region:
    """A background region, which reaches from its upper edge down to the next one's.

    The edge at x in 0..1 is `height` plus waves (amplitude, frequency, phase); `is_jagged` makes peaks of them.
    """

    name: str
    material: Material
    height: float
    waves: tuple[tuple[float, float, float], ...] = ()
    is_jagged: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape in the scene; `angle` in radians, `texture` a key of `textures.SURFACES`."""

    name: str
    colour: str
    x: float
    y: float
    radius: float
    angle: float
    texture: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Regions from top to bottom, shapes from the back to the front, and the seed of the textures."""

    regions: tuple[Region, ...]
    shapes: tuple[Shape, ...]
    texture_seed: int


def sample_scene(rng: random.Random) -> Scene:
    """Draw a scene from a random stream."""
    regions = _sample_regions(rng)
    shapes = _sample_shapes(rng, {region.material.colour for region in regions})
    return Scene(regions, shapes, rng.getrandbits(32))


def _sample_regions(rng: random.Random) -> tuple[Region, ...]:
    if rng.random() < 0.3:
        wall = Region("wall", _material("wall", set(), rng), 0.0)
        floor = _material("floor", {wall.material.colour}, rng)
        return wall, Region("floor", floor, rng.uniform(0.5, 0.75), _waves(rng, 0.02, slowest=0.4))
    sky = Region("sky", _material("sky", set(), rng), 0.0)
    horizon = rng.uniform(0.4, 0.68)
    regions, used = [sky], {sky.material.colour}
    if rng.random() < 0.55:
        name = rng.choice(_BEHIND)
        material = _material(name, used, rng)
        waves = _waves(rng, 0.012 if name == "sea" else 0.05)
        regions.append(Region(name, material, horizon - rng.uniform(0.13, 0.2), waves, is_jagged=name == "mountain"))
        used.add(material.colour)
    name = rng.choice(_OUTDOOR_GROUND)
    regions.append(Region(name, _material(name, used, rng), horizon, _waves(rng, 0.03)))
    return tuple(regions)


def _material(name: str, used: set[str], rng: random.Random) -> Material:
    """One of the region's materials, of a colour not used yet where there is one."""
    fresh = [material for material in MATERIALS[name] if material.colour not in used]
    return rng.choice(fresh or MATERIALS[name])


def _waves(rng: random.Random, amplitude: float, slowest: float = 0.7) -> tuple[tuple[float, float, float], ...]:
    return tuple(
        (amplitude * rng.uniform(0.5, 1) / (1 + order), slowest * (1 + 1.7 * order), rng.uniform(0, math.tau))
        for order in range(3)
    )


def _sample_shapes(rng: random.Random, background: set[str]) -> tuple[Shape, ...]:
    """Two to four categories with several members each, in few colours, so that a name alone is seldom enough."""
    colours = rng.sample([colour for colour in PALETTE if colour not in background], rng.choice((2, 3, 3, 4)))
    names = rng.sample(list(SHAPES), rng.choice((2, 3, 3, 4)))
    total = rng.randint(4, 9)
    members = names + rng.choices(names, [4, 2, *[1] * (len(names) - 2)], k=max(0, total - len(names)))
    in_row = rng.random() < 0.25 and members.count(names[0]) >= 3
    row = _row(rng, members.count(names[0])) if in_row else []
    shapes: list[Shape] = []
    for name in members:
        big = rng.random() < (0.3 if in_row else 0.5)
        radius = rng.uniform(0.115, 0.155) if big else rng.uniform(0.062, 0.08)
        spot = row.pop() if row and name == names[0] else _free_spot(rng, radius, shapes)
        if spot is not None:
            angle = rng.uniform(-0.2, 0.2)
            texture = rng.choice(("plain", "plain", "gradient", "stripes", "dots", "speckles"))
            shapes.append(Shape(name, rng.choice(colours), *spot, radius, angle, texture))
    return tuple(rng.sample(shapes, len(shapes)))


def _row(rng: random.Random, count: int) -> list[tuple[float, float]]:
    """Places side by side, or sometimes one above the other, in random order."""
    middle, step = rng.uniform(0.25, 0.75), 0.76 / (count - 1)
    places = [0.12 + step * place + rng.uniform(-0.02, 0.02) for place in range(count)]
    spots = [(place, middle + rng.uniform(-0.05, 0.05)) for place in places]
    rng.shuffle(spots)
    return spots if rng.random() < 0.75 else [(y, x) for x, y in spots]


def _free_spot(rng: random.Random, radius: float, shapes: list[Shape]) -> tuple[float, float] | None:
    """A place where the shape overlaps the others a little at most; None where none is found."""
    for _ in range(25):
        x, y = rng.uniform(radius, 1 - radius), rng.uniform(radius, 1 - radius)
        slack = rng.choice((0.72, 0.9, 1.0, 1.0))
        if all(math.hypot(x - other.x, y - other.y) >= slack * (radius + other.radius) for other in shapes):
            return x, y
    return None
