"""Other names of the same thing, so that a model with few words need not know them all."""

_SAME = (
    ("grey", "gray"), ("center", "centre", "middle"), ("big", "large"), ("small", "little"), ("purple", "violet"),
    ("couch", "sofa"), ("tv", "television"), ("bike", "bicycle"), ("motorbike", "motorcycle"),
    ("plane", "airplane", "aeroplane"), ("phone", "cellphone"), ("fridge", "refrigerator"), ("donut", "doughnut"),
    ("photo", "picture", "image", "pic"), ("kid", "child"), ("man", "guy"), ("woman", "lady"), ("person", "human"),
    ("below", "beneath", "underneath"), ("car", "automobile"), ("biggest", "largest"), ("bigger", "larger"),
    ("smallest", "littlest"), ("shirt", "tshirt"), ("one", "1"), ("two", "2"), ("three", "3"), ("four", "4"),
    ("five", "5"), ("six", "6"), ("seven", "7"), ("eight", "8"), ("nine", "9"), ("ten", "10"), ("first", "1st"),
    ("second", "2nd"), ("third", "3rd"), ("fourth", "4th"), ("fifth", "5th"), ("sixth", "6th"),
)  # fmt: skip

SYNONYMS = {word: tuple(other for other in group if other != word) for group in _SAME for word in group}
"""By word, the words that mean the same, the commonest first."""
