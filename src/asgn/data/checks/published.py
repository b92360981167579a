"""What the papers and their data sets' authors say that the benchmarks hold (protocol section 1)."""

from typing import NamedTuple


class Counts(NamedTuple):
    """Refs (objects, regions) and expressions of a split; None where nothing was published."""

    refs: int | None
    expressions: int | None


COUNTS: dict[str, dict[str, Counts]] = {
    "unc": {
        "train": Counts(42404, 120624),
        "val": Counts(3811, 10834),
        "testA": Counts(1975, 5657),
        "testB": Counts(1810, 5095),
    },
    "unc+": {
        "train": Counts(42278, 120191),
        "val": Counts(3805, 10758),
        "testA": Counts(1975, 5726),
        "testB": Counts(1798, 4889),
    },
    "gref": {"train": Counts(44822, 85474), "val": Counts(5000, 9536)},
    "gref-umd": {"train": Counts(None, 80512), "val": Counts(None, 4896), "test": Counts(None, 9602)},
    "referit": {
        "train": Counts(44649, 54134),
        "val": Counts(4866, 5842),
        "trainval": Counts(49515, 59976),
        "test": Counts(49730, 60105),
    },
    "grefcoco": {
        "train": Counts(None, None),
        "val": Counts(None, 14229),
        "testA": Counts(None, 19200),
        "testB": Counts(None, 16063),
    },
}

NOTES: dict[str, tuple[str, ...]] = {
    "unc": ("the splits sum to 142,210 expressions; the paper prints 142,209",),
    "gref": (
        "the paper counts 104,560 expressions; 9,550 of them are presumably the Google test split, never released",
        "the Google split divides objects, not images: its val images are among its train images",
        "the paper's G-Ref test is this val split",
    ),
    "referit": (
        "the image lists name 9,000 train images, 8,995 of which have expressions, and 10,000 test images, of which "
        "9,994",
        "images 17975, 19575 and 19579 are skipped by some public code",
    ),
    "grefcoco": (
        "the papers count 278,232 expressions; the released files hold others: those of val, testA and testB are as "
        "counted in the authors' public copy of 2025",
    ),
}
"""Why counts differ from what one may read elsewhere."""
