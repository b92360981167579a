"""Fetching from mirrors that stall, cut off, send wrong bytes and 404, all on loopback; importing copies."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from asgn.data.checks.image_origin import ImageLists
from asgn.data.checks.leaks import audit
from asgn.data.datasets import ROBUST, open_dataset
from asgn.data.download import archives
from asgn.data.download.archives import unpack
from asgn.data.download.fetch import fetch
from asgn.data.download.mirrors import DOWNLOADS, Download
from asgn.errors import DataError, OutputError
from tests.data import miniatures
from tests.data.mirror import Mirror


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tree(root: Path, below: str = "") -> dict[str, bytes]:
    base = root / below
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in base.rglob("*") if path.is_file()}


def table(mirror: Mirror, body: bytes, behaviours: list[str], known: bool = True) -> dict[str, tuple[Download, ...]]:
    mirror.files["refcoco.zip"] = body
    urls = tuple(mirror.url(behaviour, "refcoco.zip") for behaviour in behaviours)
    checksum = f"sha256:{hashlib.sha256(body).hexdigest()}" if known else None
    size = len(body) if known else None
    return {"unc": (Download("refcoco.zip", urls, ("refcoco/instances.json",), size=size, checksum=checksum),)}


BODY = zipped({"refcoco/instances.json": bytes(range(256)) * 2000})


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("behaviours", "failed"),
    [
        (["ok"], []),
        (["404", "ok"], ["404"]),
        (["cut", "ok"], ["cut"]),
        (["cutonce"], []),
        (["stall", "ok"], ["stall"]),
        (["silent", "ok"], ["silent"]),
        (["page", "ok"], ["page"]),
        (["404", "cut", "norange"], ["404", "cut"]),
    ],
)
def test_bad_mirrors_are_named_and_the_next_one_tried(behaviours, failed, known, mirror, tmp_path):
    (result,) = fetch("unc", tmp_path, timeout=0.3, downloads=table(mirror, BODY, behaviours, known))
    assert (tmp_path / "refcoco" / "instances.json").read_bytes() == bytes(range(256)) * 2000
    assert result.outcome == "fetched"
    assert result.origin == mirror.url(behaviours[-1], "refcoco.zip")
    assert result.sha256 == hashlib.sha256(BODY).hexdigest()
    assert result.checked is known
    assert [failure.split("/")[3] for failure in result.failures] == failed
    assert not any((tmp_path / ".downloads").iterdir())


def test_wrong_bytes_are_caught_where_the_sum_is_known(mirror, tmp_path):
    (result,) = fetch("unc", tmp_path, downloads=table(mirror, BODY, ["wrong", "ok"]))
    assert "wrong bytes" in result.failures[0]
    assert result.origin == mirror.url("ok", "refcoco.zip")


def test_wrong_beginning_of_one_mirror_does_not_spoil_the_next(mirror, tmp_path):
    downloads = table(mirror, BODY, ["ok"])
    (tmp_path / ".downloads").mkdir()
    (tmp_path / ".downloads" / "refcoco.zip.part").write_bytes(b"x" * 1000)
    (result,) = fetch("unc", tmp_path, downloads=downloads)
    assert result.checked
    assert mirror.requests == [("ok", "bytes=1000-"), ("ok", None)]


def test_broken_off_and_gone_on(mirror, tmp_path):
    with pytest.raises(DataError, match="no answer in time"):
        fetch("unc", tmp_path, timeout=0.2, downloads=table(mirror, BODY, ["silent"]))
    with pytest.raises(DataError, match="cut off after"):
        fetch("unc", tmp_path, downloads=table(mirror, BODY, ["cut"]))
    kept = (tmp_path / ".downloads" / "refcoco.zip.part").stat().st_size
    assert 0.8 * len(BODY) < kept < len(BODY)  # three halves of what was missing
    mirror.requests.clear()
    fetch("unc", tmp_path, downloads=table(mirror, BODY, ["ok"]))
    assert mirror.requests == [("ok", f"bytes={kept}-")]


def test_complete_part_of_unknown_size(mirror, tmp_path):
    (tmp_path / ".downloads").mkdir()
    (tmp_path / ".downloads" / "refcoco.zip.part").write_bytes(BODY)
    (result,) = fetch("unc", tmp_path, downloads=table(mirror, BODY, ["ok"], known=False))
    assert result.sha256 == hashlib.sha256(BODY).hexdigest()


def test_when_all_fail_the_line_says_what_to_put_where(mirror, tmp_path):
    with pytest.raises(DataError) as caught:
        fetch("unc", tmp_path, downloads=table(mirror, BODY, ["404", "wrong"]))
    line = str(caught.value)
    assert "\n" not in line
    for words in ("refcoco.zip", "HTTP 404", "wrong bytes", "by hand", f"--root {tmp_path} --from DIR"):
        assert words in line


def test_nothing_listens(tmp_path, mirror):
    downloads = {"unc": (Download("refcoco.zip", ("http://127.0.0.1:9/x",), ("refcoco",)),)}
    with pytest.raises(DataError, match="refused"):
        fetch("unc", tmp_path, downloads=downloads)


def test_what_is_there_is_left_alone(mirror, tmp_path):
    (tmp_path / "refcoco").mkdir()
    (tmp_path / "refcoco" / "instances.json").write_text("mine")
    (result,) = fetch("unc", tmp_path, downloads=table(mirror, BODY, ["ok"]))
    assert result.outcome == "there"
    assert mirror.requests == []
    assert (tmp_path / "refcoco" / "instances.json").read_text() == "mine"


def test_disk_space_is_checked_first(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(OutputError, match="not enough room"):
        fetch("unc", tmp_path, downloads=table(mirror, BODY, ["ok"]))


def test_progress_reaches_the_end(mirror, tmp_path):
    seen = []
    downloads = table(mirror, BODY, ["ok"])
    fetch("unc", tmp_path, downloads=downloads, progress=lambda done, total, what: seen.append((what, done, total)))
    assert ("refcoco.zip", len(BODY), len(BODY)) in seen
    assert seen[-1] == ("unpacking refcoco.zip", 512_000, 512_000)


@pytest.mark.parametrize("name", ["synthetic", "own"])
def test_sets_without_mirrors(name, tmp_path):
    with pytest.raises(DataError, match="mirrors for unc"):
        fetch(name, tmp_path)


def test_every_mirror_of_the_table_is_an_address_and_every_file_has_two():
    for name, files in DOWNLOADS.items():
        assert files, name
        for file in files:
            assert len(file.urls) >= 2 or (not file.urls and file.page.startswith("https://"))
            assert all(url.startswith(("http://", "https://")) for url in file.urls)
            assert file.checksum is None or file.checksum.split(":")[0] in hashlib.algorithms_available


UNC = {"unc": (Download("refcoco.zip", (), ("refcoco/instances.json", "refcoco/refs(unc).p")),
               Download("train2014.zip", (), ("images/train2014",), folder="images"))}  # fmt: skip


@pytest.mark.parametrize("kind", ["zips", "folders", "deep", "public layout"])
def test_import_of_copies(kind, tmp_path):
    made, copy, root = tmp_path / "made", tmp_path / "copy", tmp_path / "root"
    miniatures.write_refer(made)
    copy.mkdir()
    if kind == "zips":
        (copy / "refcoco.zip").write_bytes(zipped(tree(made, "refcoco")))
        photographs = {name.removeprefix("images/"): content for name, content in tree(made, "images").items()}
        (copy / "train2014.zip").write_bytes(zipped(photographs))
    elif kind == "public layout":
        (copy / "data" / "images" / "mscoco").mkdir(parents=True)
        (made / "refcoco").rename(copy / "data" / "refcoco")
        (made / "images").rename(copy / "data" / "images" / "mscoco" / "images")
    else:
        target = copy / "a" / "b" if kind == "deep" else copy / "whole"
        target.parent.mkdir(exist_ok=True)
        made.rename(target)
    results = fetch("unc", root, source=copy, downloads=UNC)
    assert [result.outcome for result in results] == ["imported", "imported"]
    data = open_dataset("unc", root, "testB")
    assert data.mask(data.expressions[0]).shape == data.image(data.expressions[0].image_id).shape[:2]
    assert sorted(path.name for path in root.iterdir()) == ["images", "refcoco"]


def test_files_of_one_name_are_told_apart_by_their_folder(tmp_path):
    """Every set of the REFER layout has an instances.json; another set's is not taken for gRefCOCO's."""
    copy, root = tmp_path / "copy", tmp_path / "root"
    miniatures.write_refer(copy)
    with pytest.raises(DataError, match="holds neither"):
        fetch("grefcoco", root, source=copy)
    miniatures.write_generalised(copy)
    results = fetch("grefcoco", root, source=copy)
    assert [result.outcome for result in results] == ["imported"] * 3
    assert (root / "grefcoco" / "instances.json").read_bytes() == (copy / "grefcoco" / "instances.json").read_bytes()
    assert len(open_dataset("grefcoco", root, "val").expressions) == 6
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in (copy / "grefcoco").iterdir():
        path.rename(flat / path.name)
    (copy / "images").rename(flat / "images")
    assert [result.outcome for result in fetch("grefcoco", tmp_path / "other", source=flat)] == ["imported"] * 3


def test_files_that_no_address_gives_are_named_with_their_page(tmp_path):
    with pytest.raises(DataError, match=r"refs\(final\).p.*none has it.*by hand \(https://.*--from DIR"):
        fetch("ref-zom", tmp_path)
    miniatures.write_generalised(tmp_path / "copy", "ref-zom")
    results = fetch("ref-zom", tmp_path / "root", source=tmp_path / "copy")
    assert [result.outcome for result in results] == ["imported"] * 4
    assert len(open_dataset("ref-zom", tmp_path / "root", "test").expressions) == 6


@pytest.mark.parametrize("name", ROBUST)
def test_r_refcoco_is_imported_and_audited(name, tmp_path):
    with pytest.raises(DataError, match=r"refs\((unc|umd)\).p.*none has it.*by hand \(https://.*robust-ref-seg"):
        fetch(name, tmp_path)
    miniatures.write_robust(tmp_path / "copy", name)
    root = tmp_path / "root"
    assert [result.outcome for result in fetch(name, root, source=tmp_path / "copy")] == ["imported"] * 3
    stamp = audit(open_dataset(name, root, "train"), ImageLists.parse([], root), backbone="R")
    assert stamp.of_split(name, "val").status == "clean"


def test_import_of_a_single_archive_and_of_nothing(tmp_path):
    miniatures.write_refer(tmp_path / "made")
    (tmp_path / "refcoco.zip").write_bytes(zipped(tree(tmp_path / "made", "refcoco")))
    with pytest.raises(DataError, match=r"neither train2014.zip nor images/train2014"):
        fetch("unc", tmp_path / "root", source=tmp_path / "refcoco.zip", downloads=UNC)
    assert (tmp_path / "root" / "refcoco" / "refs(unc).p").exists()
    with pytest.raises(DataError, match="nothing at"):
        fetch("unc", tmp_path / "root", source=tmp_path / "none", downloads=UNC)


def test_import_of_a_copy_with_other_bytes(mirror, tmp_path):
    downloads = table(mirror, BODY, ["ok"])
    (tmp_path / "refcoco.zip").write_bytes(BODY + b"x")
    with pytest.raises(DataError, match="not the published file"):
        fetch("unc", tmp_path / "root", source=tmp_path, downloads=downloads)
    assert (tmp_path / "refcoco.zip").exists()


def test_referit_comes_as_a_tar_and_single_files(tmp_path, mirror):
    made = tmp_path / "made"
    miniatures.write_referit(made)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        tar.add(made / "images", "./images")
        tar.add(made / "mask", "./mask")
    mirror.files = {"referitdata.tar.gz": stream.getvalue()}
    texts = [path for path in made.iterdir() if path.is_file()]
    mirror.files |= {path.name: path.read_bytes() for path in texts}
    files = [Download(path.name, (mirror.url("ok", path.name),), (path.name,)) for path in texts]
    files.append(Download("referitdata.tar.gz", (mirror.url("ok", "referitdata.tar.gz"),), ("images", "mask")))
    fetch("referit", tmp_path / "root", downloads={"referit": tuple(files)})
    data = open_dataset("referit", tmp_path / "root", "test")
    assert data.mask(data.expressions[0]).any()


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:\\evil", "..\\evil"])
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_members_never_leave_the_folder(name, kind, tmp_path):
    archive = tmp_path / f"bad.{kind}"
    if kind == "zip":
        archive.write_bytes(zipped({"good": b"1", name: b"2"}))
    else:
        with tarfile.open(archive, "w:gz") as tar:
            for each in ("good", name):
                info = tarfile.TarInfo(each)
                info.size = 1
                tar.addfile(info, io.BytesIO(b"1"))
    with pytest.raises(DataError, match="outside its folder"):
        unpack(archive, tmp_path / "deep" / "out")
    assert not any((tmp_path / "deep" / "out").iterdir())
    assert not list(tmp_path.rglob("evil"))


def test_links_and_devices_are_refused(tmp_path):
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
        with tarfile.open(tmp_path / "bad.tar", "w") as tar:
            info = tarfile.TarInfo("link")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        with pytest.raises(DataError, match="neither file nor folder"):
            unpack(tmp_path / "bad.tar", tmp_path / "out")
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="neither file nor folder"):
        unpack(tmp_path / "bad.zip", tmp_path / "out")


@pytest.mark.parametrize("name", ["bad.zip", "bad.tar.gz"])
def test_damaged_archives_leave_nothing_behind(name, tmp_path):
    path = tmp_path / name
    if name.endswith("zip"):
        whole = bytearray(zipped({"a": b"1" * 5000, "b": bytes(range(256)) * 50}))
        whole[35] ^= 255
        path.write_bytes(whole)
    else:
        with tarfile.open(path, "w:gz") as tar:
            tar.add(Path(__file__), "a")
        path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="damaged"):
        unpack(path, tmp_path / "out")
    assert not any((tmp_path / "out").iterdir())


def test_a_bomb_is_stopped_by_the_room_check(tmp_path, monkeypatch):
    (tmp_path / "bomb.zip").write_bytes(zipped({"zeros": b"\0" * 3_000_000}))
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 2_000_000}))
    with pytest.raises(OutputError, match="not enough room"):
        unpack(tmp_path / "bomb.zip", tmp_path / "out")
    assert not any((tmp_path / "out").iterdir())
