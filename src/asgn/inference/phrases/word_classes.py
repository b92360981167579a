"""Words of English by what they do in a referring expression. Closed classes: names of things are not among them."""

from asgn.data.expressions.colours import COLOURS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


JOINING = _words(
    """on in at to of from by with for near next behind beside besides above below under underneath beneath over against
    between among around along across through inside outside into onto off towards toward beyond past atop after before
    without like than as and or but that which who whose whom where when while if because is are was were be been being
    has have having had does do did can could will would w infront ontop inbetween"""
)
"""Words before which a noun phrase ends."""
ARTICLES = _words(
    """a an the this that these those his her their its my your our another other others each every any some all both
    either such what whatever"""
)
GENERIC = _words(
    """one ones thing things something anything everything someone somebody anyone anybody everyone everybody somewhere
    anywhere everywhere object objects item it he she they them him me you us we i"""
)
REQUESTS = _words("segment find show select click mask highlight please give get look see there here")
_SIDES = _words(
    """left right top bottom upper lower middle center centre mid front back far leftmost rightmost topmost bottommost
    uppermost lowermost closest nearest closer nearer further farther furthest farthest side hand corner edge end
    foreground background lefthand righthand very most more half just only
    rt lt lft rght"""
)
_SIZES = _words(
    """big bigger biggest large larger largest huge giant small smaller smallest little tiny tall taller tallest short
    shorter shortest long longer longest thin thick wide high higher highest low lowest"""
)
_NUMBERS = _words(
    """first second third fourth fifth sixth seventh eighth ninth tenth last 1st 2nd 3rd 4th 5th 6th 7th 8th 9th 10th
    two three four five six seven eight nine ten couple pair"""
)
_COLOURS = _words("grey violet gold golden silver tan beige dark light bright").union(COLOURS)
PARTS = _words(
    """one all both each some any none most half part rest pair couple group bunch set lot lots row stack pile piece
    slice kind type number two three four five six"""
)
"""Words whose "of" goes on to what is meant ("two of the dogs", "slice of pizza")."""
REGIONS = _words(
    """sky grass lawn field snow ice sand beach dirt ground soil gravel mud water sea ocean river lake pool road street
    pavement sidewalk floor carpet tile wall ceiling fence railing mountain hill forest background foreground"""
)
"""What fills an image without being a thing, and is often cut into pieces by what stands before it."""
SEVERAL = _words("all and both two three four five six seven eight nine ten couple pair group")
FOLLOWING = _words(
    """alone asleep awake upright naked bald topless shirtless visible upside sideways wears holds looks faces sits
    stands rides"""
)
"""Adjectives and verbs that dictionaries have as nouns, too, and that follow the noun they tell something of."""

MODIFIERS = _SIDES | _SIZES | _NUMBERS | _COLOURS
NAMELESS = _words("""a an the this that these those of on in at to from by with and or is are it its his her their""")
"""Words that name nothing and describe nothing."""
UNSPECIFIC = NAMELESS | JOINING | ARTICLES | GENERIC | REQUESTS | {"not", "no"}
"""Words that tell nothing apart, so that a phrase of them alone asks for nothing in particular ("the one")."""
