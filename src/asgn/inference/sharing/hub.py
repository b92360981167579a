"""Sharing models: a folder with checkpoint, description and model card, kept on disk or on huggingface.co."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asgn.checkpoint import Model, model_header, save_model
from asgn.errors import CheckpointError, MissingExtraError, OutputError
from asgn.files import atomic_write_json, atomic_write_text, ensure_writable_folder
from asgn.inference.sharing.model_card import model_card

WEIGHTS, DESCRIPTION, CARD = "model.safetensors", "config.json", "README.md"
_OF_TRANSFORMERS = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt",
    "preprocessor_config.json",
)  # fmt: skip
"""What its CLIPSeg has beside them."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def save_pretrained(model: Model, folder: Path, half_precision: bool = False) -> None:
    """Write `model.safetensors`, `config.json` and the model card `README.md` into a folder, made if needed.

    The checkpoint alone rebuilds the model; the other two are for readers. Raises OutputError.
    """
    ensure_writable_folder(folder)
    save_model(folder / WEIGHTS, model, half_precision)
    atomic_write_json(folder / DESCRIPTION, model_header(model))
    atomic_write_text(folder / CARD, model_card(model, folder.resolve().name))


def push_to_hub(
    model: Model,
    repo_id: str,
    *,
    private: bool = False,
    half_precision: bool = False,
    token: str | None = None,
    message: str = "Upload model",
) -> str:
    """Upload what `save_pretrained` writes to a repository, made if needed, and give the commit's address.

    Args:
        model: to share.
        repo_id: OWNER/NAME.
        private: whether a new repository is hidden from others.
        half_precision: see `save_model`.
        token: of the account; by default the one of `hf auth login`.
        message: of the commit.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        OutputError: the name is none, or the upload failed: no network, no login, no right to write.
    """
    hub = _require_hub()
    if _HUB_ID.fullmatch(repo_id) is None:
        raise OutputError(f"{repo_id!r} is no repository: give OWNER/NAME")
    with tempfile.TemporaryDirectory(prefix="asgn-hub-") as temporary:
        folder = Path(temporary) / repo_id.partition("/")[2]
        save_pretrained(model, folder, half_precision)
        with _one_line(OutputError, f"cannot upload to {repo_id}", "check the network and `hf auth login`"):
            api = hub.HfApi(token=token)
            api.create_repo(repo_id, private=private, exist_ok=True)
            commit = api.upload_folder(repo_id=repo_id, folder_path=str(folder), commit_message=message)
    return str(getattr(commit, "commit_url", commit))


def fetch_pretrained(name: str | Path, revision: str | None = None, token: str | None = None) -> Path:
    """The file or folder that a name means: itself where it is there, else a repository's files, downloaded once.

    No repository is asked for where OWNER is a folder here.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        CheckpointError: there is nothing of that name, here or on huggingface.co, or it could not be asked.
    """
    path = Path(name)
    if path.exists():
        return path
    is_hub_id = _HUB_ID.fullmatch(str(name)) is not None and path.suffix != ".safetensors"
    if not is_hub_id or path.parent.is_dir():  # a slip in the path of a run is no question to the network
        raise CheckpointError(
            f"model {name} does not exist: give asgn-mobile, a file, a folder, or OWNER/NAME on huggingface.co"
        )
    hub = _require_hub()
    doing = f"model {name} is no file or folder here and could not be had from huggingface.co"
    with _one_line(CheckpointError, doing, "check the name and the network"):
        patterns = [WEIGHTS, "*.onnx", DESCRIPTION, CARD, *_OF_TRANSFORMERS]
        return Path(hub.snapshot_download(str(name), revision=revision, token=token, allow_patterns=patterns))


@contextmanager
def _one_line(kind: type[CheckpointError | OutputError], doing: str, mend: str) -> Iterator[None]:
    """The library's errors depend on its version and on the HTTP library below it, so all are taken."""
    try:
        yield
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise kind(f"{doing} ({reason}): {mend}") from error


def _require_hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "hub") from error
    return huggingface_hub
