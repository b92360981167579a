import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from asgn.data.datasets import open_dataset
from asgn.data.download import archives
from asgn.data.loading.batches import BatchStream
from asgn.data.loading.pack import PackedDataset, open_packed, pack, packed_path, source_fingerprint
from asgn.data.transforms import resize_and_pad_image, resize_and_pad_mask
from asgn.data.vocabulary import Vocabulary
from asgn.errors import DataError, OutputError
from tests.data import miniatures
from tests.data.miniatures import SPLITS

SIDE = 40


def square(image: np.ndarray) -> np.ndarray:
    return resize_and_pad_image(torch.from_numpy(image).permute(2, 0, 1), SIDE).permute(1, 2, 0).numpy()


@pytest.mark.parametrize("name", [*SPLITS, "own"])
def test_packed_is_what_the_network_would_see(name, tmp_path):
    root = tmp_path / "root"
    write = miniatures.write_own if name == "own" else lambda root: miniatures.write_benchmark(root, name)
    write(root)
    source = open_dataset(name, root, "train")
    packed = open_packed(source, tmp_path / "cache", SIDE)
    assert (packed.name, packed.split, packed.side) == (name, "train", SIDE)
    assert packed.expressions == source.expressions
    assert packed.fingerprint() == source.fingerprint()
    for expression in source.expressions:
        np.testing.assert_array_equal(packed.image(expression.image_id), square(source.image(expression.image_id)))
        expected = resize_and_pad_mask(torch.from_numpy(source.mask(expression)), SIDE).numpy()
        np.testing.assert_array_equal(packed.mask(expression), expected)
        assert packed.mask(expression).dtype == bool


def test_training_batches_are_equal_bit_for_bit(tmp_path):
    miniatures.write_refer(tmp_path)
    source = open_dataset("unc", tmp_path, "train")
    packed = open_packed(source, tmp_path / "cache", SIDE)
    vocabulary = Vocabulary.build(expression.text for expression in source.expressions)
    streams = [BatchStream(data, vocabulary, side=SIDE, batch_size=3, steps=4, seed=1, flip=True)
               for data in (source, packed)]  # fmt: skip
    for step in range(4):
        ours, theirs = streams[0][step], streams[1][step]
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.masks, theirs.masks)
        assert torch.equal(ours.tokens, theirs.tokens)


def test_second_opening_reads_no_source(tmp_path):
    miniatures.write_refer(tmp_path)
    seen = []
    source = open_dataset("unc", tmp_path, "val")
    open_packed(source, tmp_path / "cache", SIDE, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
    open_packed(source, tmp_path / "cache", SIDE, progress=lambda done, total: seen.append((done, total)))
    assert len(seen) == 2


def change_photograph(root: Path) -> None:
    path = next((root / "images" / "train2014").glob("*102.jpg"))
    Pillow.new("RGB", (64, 48), "green").save(path)


def change_annotation(root: Path) -> None:
    path = root / "refcoco" / "instances.json"
    document = json.loads(path.read_text())
    document["annotations"][4]["segmentation"] = [[1, 1, 9, 1, 9, 9]]
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("change", [change_photograph, change_annotation])
def test_packed_again_when_the_source_changes(change, tmp_path):
    miniatures.write_refer(tmp_path)
    before = open_packed(open_dataset("unc", tmp_path, "val"), tmp_path / "cache", SIDE)
    change(tmp_path)
    source = open_dataset("unc", tmp_path, "val")
    with pytest.raises(DataError, match="other data"):
        PackedDataset(source, packed_path(source, tmp_path / "cache", SIDE))
    after = open_packed(source, tmp_path / "cache", SIDE)
    expression = source.expressions[0]
    same = np.array_equal(before.image(expression.image_id), after.image(expression.image_id))
    assert same == (change is change_annotation)
    assert np.array_equal(before.mask(expression), after.mask(expression)) != same


def test_fingerprint_depends_on_the_side(tmp_path):
    miniatures.write_refer(tmp_path)
    source = open_dataset("unc", tmp_path, "val")
    assert source_fingerprint(source, 40) != source_fingerprint(source, 41)
    assert packed_path(source, tmp_path, 40) != packed_path(source, tmp_path, 41)


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.mark.parametrize("file", ["images.npy", "masks.npy", "index.json"])
@pytest.mark.parametrize("damage", ["cut", "longer", "header", "empty", "missing"])
def test_damage_is_noticed_and_mended(file, damage, tmp_path):
    miniatures.write_refer(tmp_path)
    source = open_dataset("unc", tmp_path, "val")
    path = packed_path(source, tmp_path, SIDE)
    pack(source, path, SIDE)
    whole = contents(path)
    content = whole[file]
    changed = {"cut": content[:-2], "longer": content + b"x", "header": b"x" + content[1:], "empty": b""}
    (path / file).unlink()
    if damage != "missing":
        (path / file).write_bytes(changed[damage])
    with pytest.raises(DataError, match=r"damaged|cannot read"):
        PackedDataset(source, path)
    said: list[str] = []
    open_packed(source, tmp_path, SIDE, say=said.append)
    assert contents(path) == whole
    assert len(said) == 1


def test_another_format_is_made_again_with_a_word(tmp_path):
    miniatures.write_refer(tmp_path)
    source = open_dataset("unc", tmp_path, "val")
    path, said = packed_path(source, tmp_path, SIDE), list[str]()
    path.write_bytes(b"ASGNPACK")  # the first format was a single file
    open_packed(source, tmp_path, SIDE, say=said.append)
    index = path / "index.json"
    text = index.read_text().split("\n")[1].replace('"format":2', '"format":3')
    index.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}\n")
    open_packed(source, tmp_path, SIDE, say=said.append)
    assert said == [
        f"{path} is of an earlier format: packing it again", f"{path} is of format 3, not 2: packing it again"
    ]  # fmt: skip
    open_packed(source, tmp_path, SIDE, say=said.append)
    assert len(said) == 2


def test_bad_source_leaves_nothing(tmp_path):
    miniatures.write_refer(tmp_path)
    next((tmp_path / "images" / "train2014").glob("*105.jpg")).unlink()
    source = open_dataset("unc", tmp_path, "testA")
    with pytest.raises(DataError, match="no image"):
        open_packed(source, tmp_path / "cache", SIDE)
    assert not any((tmp_path / "cache").iterdir())


def test_room_is_checked_first(tmp_path, monkeypatch):
    miniatures.write_refer(tmp_path)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(OutputError, match="not enough room"):
        open_packed(open_dataset("unc", tmp_path, "val"), tmp_path / "cache", SIDE)


def test_travels_to_worker_processes_without_its_content(tmp_path):
    miniatures.write_refer(tmp_path)
    source = open_dataset("unc", tmp_path, "val")
    packed = open_packed(source, tmp_path / "cache", 320)
    message = pickle.dumps(packed)
    assert len(message) < 10_000
    again = pickle.loads(message)
    expression = source.expressions[0]
    np.testing.assert_array_equal(again.mask(expression), packed.mask(expression))


def test_killed_while_writing(tmp_path):
    miniatures.write_refer(tmp_path)
    script = textwrap.dedent(
        f"""
        import time
        from pathlib import Path
        from asgn.data.datasets import open_dataset
        from asgn.data.loading.pack import open_packed
        source = open_dataset("unc", Path({str(tmp_path)!r}), "val")
        def progress(done, total):
            print("packing", flush=True)
            time.sleep(60)
        open_packed(source, Path({str(tmp_path / "cache")!r}), {SIDE}, progress=progress)
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"packing\n"
        os.kill(process.pid, signal.SIGKILL)
    names = [path.name for path in (tmp_path / "cache").iterdir()]
    assert len(names) == 1
    assert names[0].endswith(".tmp")
    source = open_dataset("unc", tmp_path, "val")
    packed = open_packed(source, tmp_path / "cache", SIDE)
    assert packed.mask(source.expressions[0]).any()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f"unc-val-{SIDE}.pack"]
