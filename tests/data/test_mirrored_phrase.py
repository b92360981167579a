"""What is said of a mirrored image. Most phrases are from ReferIt's training text, slips included."""

import pytest

from asgn.data.expressions.templates import TEMPLATES
from asgn.data.loading.mirrored_phrase import mirrored_phrase

SWAPPED = [
    ("left", "right"),
    ("Second from the right, left of the leftmost man", "Second from the left, right of the rightmost man"),
    ("MAN FAR RIGHT ON SIDEWALK", "MAN FAR LEFT ON SIDEWALK"),
    ("Right face", "Left face"),
    ("person left side", "person right side"),
    ("guy on the left hand side", "guy on the right hand side"),
    ("people on the righthand side", "people on the lefthand side"),
    ("the left-hand dog", "the right-hand dog"),
    ("leftest tree trunk", "rightest tree trunk"),
    ("green jacket front rightish", "green jacket front leftish"),
    ("tree rightside", "tree leftside"),
    ("tree lefter by pole", "tree righter by pole"),
    ("the right-most one", "the left-most one"),
    ("topleft corner", "topright corner"),
    ("the sky in the upperleft corner", "the sky in the upperright corner"),
    ("side walk toleft", "side walk toright"),
    ("arrow pointing leftwards", "arrow pointing rightwards"),
    ("lefty", "righty"),
    ("building ont he left", "building ont he right"),
    ("okay, so any of the wall on he left the Spider Room", "okay, so any of the wall on he right the Spider Room"),
    ("tree left the tall one", "tree right the tall one"),
    ("that left concrete siderail thing", "that right concrete siderail thing"),
    ("wheels on r", "wheels on l"),
    ("TABLE ON THE R", "TABLE ON THE L"),
    ("bedspread L", "bedspread R"),
    ("r bed", "l bed"),
    ("ground bottom rt", "ground bottom lt"),
    ("red car rght corner", "red car lft corner"),
    ("girl on right in red", "girl on left in red"),
    ("guy right in blue", "guy left in blue"),
    ("biggest cloud, on the right in the middle", "biggest cloud, on the left in the middle"),
    ("patch of flowers top right under tree", "patch of flowers top left under tree"),
    ("grass bottom right near pole", "grass bottom left near pole"),
    ("the road to the furthest right behind biker", "the road to the furthest left behind biker"),
    ("things on the most right beside the black pole", "things on the most left beside the black pole"),
    ("woman right corner", "woman left corner"),
    ("hills on left above animals", "hills on right above animals"),
    ("candle flame only left", "candle flame only right"),
    ("man's left hand", "man's right hand"),
    ("lady on right's feet", "lady on left's feet"),
    ("thing over peoples heads on lefts", "thing over peoples heads on rights"),
    ("from left to right, the third", "from right to left, the third"),
    ("all right side windows", "all left side windows"),
    ("guy on L in blue", "guy on R in blue"),
    # some of each
    ("grass to the right, RIGHT next to the road", "grass to the left, RIGHT next to the road"),
    ("left side right above guy's head", "right side right above guy's head"),
    ("grass right to the left of the guy", "grass right to the right of the guy"),
    ("wall right on top of the tv on the left", "wall right on top of the tv on the right"),
    ("clouds on the right right above ground", "clouds on the left right above ground"),
]

UNCHANGED = [
    "right next to the car",
    "right away from the car",
    "the man right behind the dog",
    "column right in the middle of picture",
    "brown chair right in center",
    "mud right in front of red shirt guy",
    "shrub right at the bottom of picture",
    "sky right above boat",
    "rock right under the snow",
    "ball right by the door",
    "back of persons head right there in front of you",
    "luggage RIGHT IN FRONT of woman",
    "rock wall right side up",
    "all right",
    "that's right, the dog",
    "cake left over",
    "pizza left out of the box",
    "leftovers on the plate",
    "what is left of it",
    "he left the room",
    "the man who left the room",
    "the one she has left a bag on",
    "where they just left their bikes",
    "bright light",
    "the upright man",
    "copyright text",
    "the letter R",
    "an L-shaped sofa",
    "the l shaped couch",
    "palm tree above the L in Hotel",
    "R&B sign",
    "toys r us bag",
    "you're next",
]


@pytest.mark.parametrize(("phrase", "mirrored"), SWAPPED)
def test_sides_change_places(phrase: str, mirrored: str) -> None:
    assert mirrored_phrase(phrase) == mirrored
    assert mirrored_phrase(mirrored) == phrase


@pytest.mark.parametrize("phrase", UNCHANGED)
def test_what_is_no_side_stays(phrase: str) -> None:
    assert mirrored_phrase(phrase) == phrase


def test_every_template_of_data_expressions() -> None:
    """Their sides are known: filled with the other one, each is its own mirror image."""
    for key, templates in TEMPLATES.items():
        for template in templates:
            left, right = (
                template.removeprefix("=").format(
                    n="dog", p="dogs", a="the car", b="the man", s=side, v="top", w="upper", u="top", o="second",
                    d="2nd", k="two", r=f"{side} of",
                )
                for side in ("left", "right")
            )  # fmt: skip
            if key in ("left of", "right of"):
                other = TEMPLATES["right of" if key == "left of" else "left of"][templates.index(template)]
                right = other.format(n="dog", a="the car")
            assert mirrored_phrase(left) == right, template
            assert mirrored_phrase(right) == left, template
