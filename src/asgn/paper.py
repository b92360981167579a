"""The numbers that the paper published: Tables I to VI, and what it and the data sets' authors say they hold.

Nothing here was measured by this project. This is the one place that holds these numbers; reports set their own
beside them. Every row that the authors ran carries its `variant`, which is its row name in the grammar of
`asgn.variants`; a row quoted from other works has none. Oddities of the published numbers are in each table's
`notes`, and their consequences in protocol sections 6, 9 and 11.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from asgn.errors import UserError

SOURCE = (
    "S. Qiu, Y. Zhao, J. Jiao, Y. Wei, S. Wei: Referring Image Segmentation by Generative Adversarial Learning, "
    "IEEE Transactions on Multimedia"
)

PROTOCOL = (
    "the paper does not say; as its base code: the logit's threshold 1e-9 at 320 x 320, the mask then resized to the "
    "image's own size (here `reference`), IoU as oIoU over every sentence (protocol section 5)"
)


@dataclass(frozen=True, order=True)
class Cell:
    """What a published number measures. Scores are in percent; the paper's "IoU" is oIoU."""

    dataset: str
    split: str
    metric: str


@dataclass(frozen=True)
class PublishedRow:
    """One printed row."""

    name: str
    """As printed; testing sets that Table II prints as blocks are merged into one row for each method."""
    variant: str | None
    """The model of the row in the grammar of `asgn.variants`, None for a work that the paper quotes."""
    values: Mapping[Cell, float]
    """Only the cells that the paper fills."""


@dataclass(frozen=True)
class PublishedTable:
    """One table of the paper."""

    caption: str
    rows: tuple[PublishedRow, ...]
    notes: tuple[str, ...] = ()

    @property
    def cells(self) -> list[Cell]:
        """Every cell that some row fills, in printed order."""
        return list(dict.fromkeys(cell for row in self.rows for cell in row.values))

    def row(self, name: str) -> PublishedRow:
        """The row of a printed name, or of a variant that one row alone has.

        Raises:
            UserError: there is no such row.
        """
        found = [row for row in self.rows if name in (row.name, row.variant)]
        if len(found) != 1:
            raise UserError(f"no row {name!r} in this table: choose one of {', '.join(row.name for row in self.rows)}")
        return found[0]


class Counts(NamedTuple):
    """Refs (objects, regions) and expressions of a split; None where nothing was published."""

    refs: int | None
    expressions: int | None


@dataclass(frozen=True)
class PublishedCounts:
    """What Section IV-A says of a data set, and its authors of its splits."""

    expressions: int | None
    images: int | None
    """None for a data set that the paper does not use."""
    splits: Mapping[str, Counts]
    notes: tuple[str, ...] = ()
    """Why counts differ from what one may read elsewhere."""


COUNTS: Mapping[str, PublishedCounts] = {
    "unc": PublishedCounts(
        142_209, 19_994,
        {"train": Counts(42404, 120624), "val": Counts(3811, 10834), "testA": Counts(1975, 5657),
         "testB": Counts(1810, 5095)},
        ("the splits sum to 142,210 expressions; the paper prints 142,209",),
    ),
    "unc+": PublishedCounts(
        141_564, 19_992,
        {"train": Counts(42278, 120191), "val": Counts(3805, 10758), "testA": Counts(1975, 5726),
         "testB": Counts(1798, 4889)},
    ),
    "gref": PublishedCounts(
        104_560, 26_711, {"train": Counts(44822, 85474), "val": Counts(5000, 9536)},
        ("the paper counts 104,560 expressions; 9,550 of them are presumably the Google test split, never released",
         "the Google split divides objects, not images: its val images are among its train images",
         "the paper's G-Ref test is this val split"),
    ),
    "gref-umd": PublishedCounts(
        None, None, {"train": Counts(None, 80512), "val": Counts(None, 4896), "test": Counts(None, 9602)}
    ),
    "grefcoco": PublishedCounts(
        None, None,
        {"train": Counts(None, None), "val": Counts(None, 14229), "testA": Counts(None, 19200),
         "testB": Counts(None, 16063)},
        ("the papers count 278,232 expressions; the released files hold others: those of val, testA and testB are as "
         "counted in the authors' public copy of 2025",),
    ),
    "referit": PublishedCounts(
        130_525, 19_894,
        {"train": Counts(44649, 54134), "val": Counts(4866, 5842), "trainval": Counts(49515, 59976),
         "test": Counts(49730, 60105)},
        ("the image lists name 9,000 train images, 8,995 of which have expressions, and 10,000 test images, of which "
         "9,994",
         "images 17975, 19575 and 19579 are skipped by some public code"),
    ),
}  # fmt: skip

_UNC = tuple(("unc", split) for split in ("val", "testA", "testB"))
_UNC_PLUS = tuple(("unc+", split) for split in ("val", "testA", "testB"))
_EIGHT_SETS = tuple(Cell(*where, "oIoU") for where in (*_UNC, *_UNC_PLUS, ("gref", "val"), ("referit", "test")))
_UNC_IOU = tuple(Cell(*where, "oIoU") for where in _UNC)
_PRECISIONS = ("Pr@0.5", "Pr@0.6", "Pr@0.7", "Pr@0.8", "Pr@0.9", "oIoU")
_UNC_PRECISIONS = tuple(Cell(*where, metric) for where in _UNC for metric in _PRECISIONS)
_COSTS = tuple(Cell("unc", "testA", name) for name in ("oIoU", "training hours", "test seconds", "memory MB"))


def _rows(cells: tuple[Cell, ...], text: str) -> tuple[PublishedRow, ...]:
    """Lines of `name | variant or = or - | numbers`; `=` says that the name is the variant, `-` leaves a cell."""
    return tuple(_row(cells, *(part.strip() for part in line.split("|"))) for line in text.strip().splitlines())


def _row(cells: tuple[Cell, ...], name: str, variant: str, numbers: str) -> PublishedRow:
    printed = zip(cells, numbers.split(), strict=True)
    values = {cell: float(number) for cell, number in printed if number != "-"}
    return PublishedRow(name, {"=": name, "-": None}.get(variant, variant), values)


TABLES: Mapping[str, PublishedTable] = {
    "table1": PublishedTable(
        "Comparison with baseline models on IoU",
        _rows(_EIGHT_SETS, """
            Hu et al. (2016)        | -            | -     -     -     -     -     -     34.06 49.91
            D+RMI+DCRF (ICCV 2017)  | D+RMI+DCRF   | 45.18 45.69 45.57 29.86 30.48 29.50 34.52 58.73
            LBIE (CVPR 2018)        | -            | -     -     -     -     -     -     -     50.09
            DMN (ECCV 2018)         | -            | 49.78 54.83 45.13 38.88 44.22 32.29 36.76 52.81
            KWAN (ECCV 2018)        | -            | -     -     -     -     -     -     36.92 59.09
            SNLE                    | =            | -     -     -     -     -     -     -     48.03
            SNLE+AT                 | =            | -     -     -     -     -     -     -     50.17
            SNLE+DE+SE+AT           | =            | -     -     -     -     -     -     -     52.87
            R+LSTM                  | =            | 39.29 39.80 39.15 26.87 27.52 25.28 28.06 54.04
            R+LSTM+AT               | =            | 41.18 42.19 40.30 30.14 31.44 29.37 34.42 54.41
            R+LSTM+DE+SE+AT         | =            | 45.37 46.84 45.15 34.38 35.76 32.49 36.82 57.92
            D+LSTM                  | =            | 43.32 43.71 43.25 28.61 29.03 28.14 32.86 56.78
            D+LSTM+AT               | =            | 44.74 45.75 44.05 33.08 33.59 31.27 38.89 57.11
            D+LSTM+DE+SE+AT         | =            | 48.04 48.86 47.64 36.25 37.47 34.48 40.36 58.43
            D+RMI                   | =            | 44.51 44.83 44.74 30.18 31.02 30.05 34.27 57.39
            D+RMI+AT                | =            | 45.40 46.10 44.87 33.88 35.01 32.70 39.60 58.74
            D+RMI+DE+SE+AT          | =            | 50.46 51.20 49.27 38.41 39.79 35.97 41.36 60.31
        """),
        (
            "D+RMI+DCRF is quoted from the RMI paper; D+RMI is the same model without the CRF. On UNC+ the row with "
            "the CRF is the lower one (29.86 against 30.18 on val).",
            "DMN's own page gives 54.84, 45.20, 44.25, 32.49 and 37.64 where 54.83, 45.13, 44.22, 32.29 and 36.76 are "
            "printed; its code takes the best threshold on the split that it scores.",
            "The G-Ref split is Google's, whose images overlap between train and val.",
            'The text gives the gain of AT on UNC+ as "4-5%"; the rows give 2.65 to 4.56 points.',
        ),
    ),
    "table2": PublishedTable(
        "Results of each metric term of ResNet models on UNC",
        _rows(_UNC_PRECISIONS, """
            R+LSTM          | = | 31.99 19.37  8.72  2.23 0.08 39.29  31.13 19.00  8.66  2.14 0.05 39.80  33.58 20.96  9.91  2.37 0.16 39.15
            R+LSTM+AT       | = | 34.75 20.35  8.45  2.10 0.09 41.18  34.52 21.00  9.23  2.02 0.04 42.19  34.39 22.04 10.30  2.47 0.10 40.30
            R+LSTM+SE       | = | 34.88 22.11 10.55  3.21 0.11 40.14  34.82 21.95  9.79  3.02 0.05 40.69  35.54 23.00 11.25  3.49 0.21 39.86
            R+LSTM+SE+AT    | = | 35.76 22.19 10.68  3.30 0.16 42.42  37.79 22.56 10.09  2.44 0.11 43.70  37.19 23.96 11.23  2.61 0.18 42.13
            R+LSTM+DE       | = | 41.51 30.44 19.06  7.96 0.94 44.88  42.46 31.25 20.40  8.38 0.64 45.53  42.32 32.33 20.71  9.54 1.12 44.71
            R+LSTM+DE+AT    | = | 42.25 31.56 20.35  8.94 1.01 45.06  43.74 32.13 22.12 11.98 1.33 46.17  43.37 32.38 20.99 10.53 1.33 44.97
            R+LSTM+DE+SE    | = | 42.13 30.03 19.40  8.20 0.82 44.92  43.91 30.88 21.38  9.93 0.82 45.63  42.16 32.97 20.86  9.38 1.13 44.74
            R+LSTM+DE+SE+AT | = | 43.88 33.76 22.30 10.95 1.05 45.37  44.05 34.81 24.71 13.77 2.33 46.84  44.08 33.25 21.67 11.54 2.08 45.15
        """),  # noqa: E501
        (
            "With AT alone, Pr@0.7 and Pr@0.8 on val fall (8.72 to 8.45, 2.23 to 2.10) while IoU rises.",
            "SE on top of DE adds 0.04, 0.10 and 0.03 points of IoU, and Pr@0.6 and Pr@0.9 on val fall.",
        ),
    ),
    "table3": PublishedTable(
        "Comparison of different convolutional layers in detail enhancement on UNC",
        _rows(_UNC_IOU, """
            R+LSTM                        | =                                         | 39.29 39.80 39.15
            conv1                         | R+LSTM+DE(conv1)                          | 41.56 42.28 41.23
            conv2                         | R+LSTM+DE(conv2)                          | 42.33 43.18 41.70
            conv3                         | R+LSTM+DE(conv3)                          | 42.21 43.23 41.70
            conv1+conv2+conv3             | R+LSTM+DE(conv1,conv2,conv3)              | 42.76 42.97 42.41
            conv4+conv5                   | R+LSTM+DE(conv4,conv5)                    | 43.56 43.51 43.43
            conv3+conv4+conv5             | R+LSTM+DE                                 | 44.88 45.53 44.71
            conv2+conv3+conv4+conv5       | R+LSTM+DE(conv2,conv3,conv4,conv5)        | 44.55 45.65 43.77
            conv1+conv2+conv3+conv4+conv5 | R+LSTM+DE(conv1,conv2,conv3,conv4,conv5)  | 43.96 44.87 43.40
        """),
        (
            'The text says that all combinations beat single layers; on testA conv1+conv2+conv3 (42.97) is below conv2 '
            "(43.18) and conv3 (43.23).",
            "On testA conv2 to conv5 (45.65) is above the chosen conv3 to conv5 (45.53).",
        ),
    ),
    "table4": PublishedTable(
        "Accuracy of an SVM that tells predicted masks from true ones (lower is better)",
        _rows((Cell("gref", "val", "SVM accuracy"),), """
            R+LSTM    | = | 92
            R+LSTM+AT | = | 90.75
        """),
        (
            "The split of the 2,000 G-Ref images is not stated; val is taken.",
            "One SVM and one division into halves; no spread is given for a difference of 1.25 points.",
        ),
    ),
    "table5": PublishedTable(
        "Computational time and memory costs on UNC testA, GeForce GTX 1080",
        _rows(_COSTS, """
            R+LSTM                     | =               | 39.80 19.46 652.25  448.46
            R+LSTM+DCRF                | =               | 40.44 19.46 2782.04 448.46
            R+LSTM+DE+SE+AT (Proposed) | R+LSTM+DE+SE+AT | 46.84 39.21 660.04  481.23
        """),
        (
            "The memory cost agrees with the size of a checkpoint that holds both of Adam's moments (protocol "
            "section 0), not with the memory in use.",
        ),
    ),
    "table6": PublishedTable(
        "Comparison of different settings of lambda on UNC",
        _rows(_UNC_IOU, """
            lambda=0.01 | R+LSTM+DE+SE+AT | 39.50 39.82 40.44
            lambda=0.1  | R+LSTM+DE+SE+AT | 45.37 46.84 45.15
            lambda=1    | R+LSTM+DE+SE+AT | 42.35 43.37 41.97
        """),
        (
            "The text names the baseline R+LSTM, but the row of 0.1 is that of R+LSTM+DE+SE+AT.",
            "With lambda = 1 the result (42.35 on val) is below that of R+LSTM+DE+SE without AT (44.92).",
            "The threshold was tried at six values from 1e-10 to 1e-5, with comparable results that are not printed.",
        ),
    ),
}

LAMBDAS: Mapping[str, float] = {"lambda=0.01": 0.01, "lambda=0.1": 0.1, "lambda=1": 1.0}
"""The weight of the cross entropy in each row of Table VI."""

THRESHOLDS = (1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
"""The values of delta that Section IV tried, on the logit (protocol section 5)."""
