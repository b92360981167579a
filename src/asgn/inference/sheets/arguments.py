"""Images and phrases named on a command line, or in a list, as a small sheet."""

import glob
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from asgn.data.files.images import refuse_address
from asgn.errors import DataError, UserError
from asgn.inference.sheets.reader import IMAGE_SUFFIXES, Sheet, SheetRow


def sheet_of_arguments(arguments: Sequence[str], phrase_list: str | None = None) -> tuple[Sheet, list[str]]:
    """Every phrase asked of every image, and what a person should be told of how arguments were taken.

    Images are arguments that end like one, paths of files, folders of images, and patterns such as `photos/*.jpg`. A
    bare word is a phrase, whatever file is called so, unless no other argument is an image.

    Args:
        arguments: images and phrases in any order.
        phrase_list: file of further phrases, one a line; `-` reads standard input.

    Raises:
        UserError: there is no image, or no phrase, among them.
        DataError: an argument is an address, or the list cannot be read.
    """
    for text in arguments:
        refuse_address(text)
    further = [] if phrase_list is None else read_phrases(phrase_list)
    images, phrases, remarks = _split(arguments, bool(further))
    phrases += further
    listed = ", ".join(map(repr, arguments)) or "nothing"
    if not images:
        raise UserError(f"no image among {listed}: give an image file, then phrases")
    if not phrases:
        raise UserError(f"no phrase: {listed} are files, or called like images; say what to segment, such as 'the dog'")
    places = _names_of(images)
    pairs = [(name, phrase) for name in places for phrase in dict.fromkeys(phrases)]
    rows = [SheetRow(line, name, phrase, "") for line, (name, phrase) in enumerate(pairs, start=1)]
    return Sheet(Path(), rows, [], "", places), remarks


def read_phrases(source: str) -> list[str]:
    """The lines of a file, or of standard input for `-`, that are not blank. Raises DataError."""
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        phrases = [line.strip() for line in data.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise DataError(f"phrases {source} are not UTF-8 text (byte {error.start}): save them as UTF-8") from error
    except OSError as error:
        raise DataError(f"cannot read phrases {source}: {error.strerror}") from error
    if not phrases:
        raise DataError(f"phrases {source} hold none: give one a line")
    return phrases


def _split(arguments: Sequence[str], has_phrases: bool) -> tuple[list[Path], list[str], list[str]]:
    """Images, phrases and remarks; `has_phrases` where phrases come from elsewhere, too."""
    kinds = {text: _kind(text) for text in arguments}
    if "image" not in kinds.values():
        words = [text for text, kind in kinds.items() if kind == "bare"]
        if len(words) == len(kinds) and not has_phrases:
            words = words[:-1]  # something has to be asked
        kinds |= dict.fromkeys(words, "image")
    images = [path for text, kind in kinds.items() if kind == "image" for path in _images_of(text)]
    phrases = [text for text in arguments if kinds[text] != "image"]
    bare = [text for text, kind in kinds.items() if kind == "bare"]
    remarks = [f"{text!r} is taken as a phrase, not as the file of that name: give .{os.sep}{text}" for text in bare]
    return list(dict.fromkeys(images)), phrases, remarks


def _kind(text: str) -> str:
    """`image`, `phrase`, or `bare`: a word that is the name of a file or folder as well."""
    path = Path(text)
    is_pattern = glob.has_magic(text) and path.suffix.lower() in IMAGE_SUFFIXES
    if is_pattern or path.suffix.lower() in IMAGE_SUFFIXES:
        return "image"
    if not text.strip() or not _exists(path):
        return "phrase"
    is_path = os.sep in text or "/" in text or bool(path.suffix)
    return "image" if is_path else "bare"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a long phrase is no possible file name
        return False


def _images_of(text: str) -> list[Path]:
    path = Path(text)
    if path.is_dir():
        found = sorted(item for item in path.iterdir() if _is_image_name(item))
        if not found:
            raise UserError(f"no image in the folder {text}: it holds no file called like one")
        return found
    if glob.has_magic(text) and not path.exists():
        found = sorted(Path(item) for item in glob.glob(text, recursive=True))
        if not found:
            raise UserError(f"no image matches {text}: check the pattern")
        return found
    return [path]


def _is_image_name(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def _names_of(images: Sequence[Path]) -> dict[str, Path]:
    """What results call each image: its path below the folder that holds them all."""
    absolute = [path.absolute() for path in images]
    try:
        folder = os.path.commonpath([path.parent for path in absolute])
    except ValueError:  # on several drives
        return {str(path): path for path in images}
    return {path.relative_to(folder).as_posix(): given for path, given in zip(absolute, images, strict=True)}
