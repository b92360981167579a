"""Answering the groups of a sheet, one image after the other, each encoded once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from asgn.errors import UserError
from asgn.inference.encoded import EncodedImage
from asgn.inference.results.segmentation import Segmentation
from asgn.inference.segmenter import Segmenter
from asgn.inference.sheets.reader import Group, Sheet, SheetRow


@dataclass(frozen=True)
class AnsweredGroup:
    """What became of a group's rows."""

    group: Group
    found: list[tuple[SheetRow, Segmentation]]
    refused: list[tuple[int, str]]
    """Lines of the rows that cannot be answered, each with the reason."""


def answer_groups(segmenter: Segmenter, sheet: Sheet, groups: Sequence[Group]) -> Iterator[AnsweredGroup]:
    """Answer groups; those of one image must stand together. A bad row does not stop the others."""
    for image, of_image in groupby(groups, key=lambda group: group.image):
        encoded: EncodedImage | str
        try:
            encoded = segmenter.encode(sheet.image_path(image))
        except UserError as error:
            encoded = str(error)
        for group in of_image:
            yield _answer(segmenter, encoded, group)


def _answer(segmenter: Segmenter, encoded: EncodedImage | str, group: Group) -> AnsweredGroup:
    """`encoded` is the reason where the image cannot be read."""
    if isinstance(encoded, str):
        return AnsweredGroup(group, [], [(row.line, encoded) for row in group.rows])
    readable: list[SheetRow] = []
    refused = []
    for row in group.rows:
        try:
            segmenter.read_phrase(row.phrase)
            readable.append(row)
        except UserError as error:
            refused.append((row.line, str(error)))
    results = segmenter(encoded, [row.phrase for row in readable])
    return AnsweredGroup(group, list(zip(readable, results, strict=True)), refused)
