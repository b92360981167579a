"""Mistakes a user can mend. The command line prints each as one line and leaves with exit code 2."""


class UserError(Exception):
    """Something the user gave cannot be used; the message says what, where, and how to mend it."""


class VariantError(UserError):
    """A row name that the grammar of variants does not know, or that names a part not built yet."""


class DataError(UserError):
    """A data set, image or annotation that cannot be read."""


class PhraseError(UserError):
    """A phrase that cannot be encoded."""


class CheckpointError(UserError):
    """A checkpoint that is missing, damaged, or of another model."""


class OutputError(UserError):
    """A result that cannot be written where it was asked for."""


class ExportError(UserError):
    """A model that cannot be exported, or whose exported graphs give other answers than it does."""


class MissingExtraError(UserError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed: run `pip install 'asgn[{extra}]'`")
