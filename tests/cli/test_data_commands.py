"""`asgn data`: each benchmark in miniature from a mirror on loopback through every command."""

import hashlib
import io
import json
import tarfile
import zipfile
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from typer.testing import CliRunner, Result

from asgn.cli.data import data_app
from asgn.data.datasets import GENERALISED, open_dataset
from asgn.data.download.fetch import fetch
from asgn.data.download.mirrors import Download
from asgn.data.loading.pack import open_packed
from asgn.errors import DataError
from tests.data import miniatures
from tests.data.miniatures import FOLDERS, SCORED_SPLIT, SPLITS
from tests.data.mirror import Mirror

runner = CliRunner()


def run(*arguments: object, code: int = 0) -> Result:
    result = runner.invoke(data_app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def packed(made: Path, below: str, strip: str = "") -> bytes:
    """What lies in a folder, as a zip."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as zipped:
        for path in (made / below).rglob("*.*"):
            zipped.write(path, path.relative_to(made).as_posix().removeprefix(strip))
    return stream.getvalue()


def public_files(name: str, made: Path) -> dict[str, tuple[bytes, tuple[str, ...], str]]:
    """A miniature as its public files: the bytes of each, what it provides, and the folder it belongs in."""
    if name == "referit":
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as tar:
            for folder in ("images", "mask"):
                tar.add(made / folder, folder)
        texts = [path for path in made.iterdir() if path.suffix == ".json"]
        files = {path.name: (path.read_bytes(), (path.name,), "") for path in texts}
        return files | {"referitdata.tar.gz": (stream.getvalue(), ("images", "mask"), "")}
    images = {
        f"{year.name}.zip": (packed(made, f"images/{year.name}", "images/"), (f"images/{year.name}",), "images")
        for year in (made / "images").iterdir()
    }
    folder = FOLDERS[name]
    if name in GENERALISED:
        plain = (made / folder).iterdir()
        return {path.name: (path.read_bytes(), (f"{folder}/{path.name}",), folder) for path in plain} | images
    return {f"{folder}.zip": (packed(made, folder), (f"{folder}/instances.json",), "")} | images


def serve(server: Mirror, name: str, made: Path) -> tuple[Download, ...]:
    """Put a miniature on the server as its public files; the first mirror of each fails in its own way."""
    files = public_files(name, made)
    server.files = {quote(file): body for file, (body, _, _) in files.items()}
    behaviours = ["404", "cut", "wrong", "stall"]
    return tuple(
        Download(
            file,
            (server.url(behaviours[index % 4], quote(file)), server.url("ok", quote(file))),
            provides,
            folder,
            size=len(body),
            checksum=f"sha256:{hashlib.sha256(body).hexdigest()}",
        )
        for index, (file, (body, provides, folder)) in enumerate(files.items())
    )


@pytest.mark.parametrize("name", SPLITS)
def test_fetch_verify_stats_audit_pack(name, mirror, tmp_path, monkeypatch):
    miniatures.write_benchmark(tmp_path / "made", name)
    table = {name: serve(mirror, name, tmp_path / "made")}
    monkeypatch.setattr("asgn.cli.data.fetch_files", partial(fetch, downloads=table, timeout=0.5))
    root = tmp_path / "root"
    fetched = json.loads(run("fetch", name, "--root", root, "--json").stdout)
    assert all(file["outcome"] == "fetched" and file["checked"] and len(file["failures"]) == 1 for file in fetched)
    assert {file["outcome"] for file in json.loads(run("fetch", name, "--root", root, "--json").stdout)} == {"there"}

    verified = json.loads(run("verify", "--data", name, "--root", root, "--json").stdout)
    assert verified["ok"]
    assert {split["split"] for split in verified["splits"]} == set(SPLITS[name])
    assert "no faults" in run("verify", "--data", name, "--root", root).stdout

    run("stats", "--data", name, "--root", root, "--png", tmp_path / "stats.png")
    scored = SCORED_SPLIT[name]
    counted = json.loads(run("stats", "--data", name, "--root", root, "--split", scored, "--json").stdout)
    assert [split["expressions"] for split in counted] == [6]
    assert [split["overlapping"] for split in counted] == [None if name == "referit" else 2]
    assert (tmp_path / "stats.png").exists()

    stamp = json.loads(run("audit", "--data", name, "--root", root, "--json").stdout)
    assert stamp["splits"][f"{name}/{scored}"]["status"] == "clean"

    assert "train-32.pack" in run("pack", "--data", name, "--root", root, "--side", 32, "-o", tmp_path / "packs").stdout
    packed = open_packed(open_dataset(name, root, "train"), tmp_path / "packs", 32)
    assert packed.mask(packed.expressions[0]).shape == (32, 32)


def test_faults_and_leaks_leave_with_code_1(tmp_path):
    miniatures.write_refer(tmp_path)
    first = min((tmp_path / "images" / "train2014").iterdir())
    first.unlink()
    output = run("verify", "--data", "unc", "--root", tmp_path, code=1).stdout
    assert f"fault:noimageat{first}" in "".join(output.split())  # a terminal's width breaks the line
    assert "differs: split train has 4 refs; published are 42,404" in output
    run("verify", "--data", "unc", "--root", tmp_path, "--no-pixels")
    output = run("audit", "--data", "unc", "--root", tmp_path, "--split", "testA", code=1).stdout
    assert "leaky" in output


def test_expressions_to_a_set_that_can_be_used(tmp_path):
    miniatures.write_own(tmp_path / "own")
    source, images, out = tmp_path / "own" / "instances.json", tmp_path / "own" / "images", tmp_path / "out"
    output = run("expressions", source, "--images", images, "-o", out, "--val", 0.3).stdout
    assert "phrases" in output
    assert f"--root {out}" in output
    made = json.loads(run("expressions", source, "--images", images, "-o", out, "--json").stdout)
    assert (made["images"], made["images_described"], made["annotations"]) == (3, 3, 6)
    run("verify", "--data", "own", "--root", out)


def test_users_mistakes_are_one_line_each(tmp_path):
    for arguments, words in [
        (["verify", "--data", "unk"], "did you mean"),
        (["verify", "--data", "unc"], "--root"),
        (["fetch", "own", "--root", tmp_path], "mirrors for"),
        (["audit", "--data", "synthetic", "--split", "val", "--against", tmp_path / "none"], "nothing at"),
        (["audit", "--data", "synthetic", "--split", "val", "--backbone", "X"], "R, D, M, N, MN, V, SNLE"),
        (["stats", "--data", "own", "--root", tmp_path], "expressions.jsonl"),
        (["pack", "--data", "own", "--root", tmp_path / "x", "-o", tmp_path], "no folder"),
    ]:
        with pytest.raises(DataError, match=words):
            run(*arguments)


@pytest.mark.parametrize("command", ["fetch", "verify", "stats", "audit", "pack", "expressions"])
def test_every_command_has_an_example(command):
    assert f"asgn data {command} " in run(command, "--help").stdout.replace("\n", " ")
