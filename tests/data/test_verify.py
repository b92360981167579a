import json

import numpy as np
import pytest
from PIL import Image as Pillow

from asgn.data.checks.statistics import AREA_EDGES, draw_statistics, statistics
from asgn.data.checks.verify import verify
from asgn.data.datasets import open_dataset
from asgn.data.vocabulary import Vocabulary
from asgn.errors import DataError, OutputError
from asgn.paper import COUNTS
from tests.data import miniatures
from tests.data.miniatures import SCORED_SPLIT, SIZE, SPLITS


@pytest.mark.parametrize("name", SPLITS)
def test_sound_miniatures_have_no_faults_but_other_counts(name, tmp_path):
    miniatures.write_benchmark(tmp_path, name)
    seen = []
    result = verify(name, tmp_path, progress=lambda *step: seen.append(step))
    assert result.ok, result.faults
    assert [report.split for report in result.splits] == sorted(
        SPLITS[name], key=[r.split for r in result.splits].index
    )
    assert {report.expressions for report in result.splits} <= {6, 12}
    if name in COUNTS:
        expected = COUNTS[name].splits["val"].expressions
        assert f"split val has 6 expressions; published are {expected:,}" in result.differences
    assert (2, 2, f"{SCORED_SPLIT[name]}: images") in seen


def test_every_fault_is_named_once(tmp_path):
    miniatures.write_refer(tmp_path)
    photographs = sorted((tmp_path / "images" / "train2014").iterdir())
    photographs[0].unlink()
    photographs[3].write_bytes(photographs[3].read_bytes()[:800])
    path = tmp_path / "refcoco" / "instances.json"
    document = json.loads(path.read_text())
    document["annotations"][4]["segmentation"] = [[70, 5, 80, 5, 80, 20]]  # right of the 64 columns
    document["annotations"][9]["segmentation"] = [[1, 2, 3, 4]]
    document["annotations"].append(document["annotations"][0])
    path.write_text(json.dumps(document))
    result = verify("unc", tmp_path)
    assert not result.ok
    for words in ("annotation entry 17: the id 9000 is there twice", "no image at", "cut off", "objects [9004]",
                  "annotation 9009: a polygon with 4 numbers"):  # fmt: skip
        assert sum(words in fault for fault in result.faults) == 1, words
    assert len(result.faults) == 5
    assert len(verify("unc", tmp_path, pixels=False).faults) == 1


def test_faulty_lines_of_own_data_are_all_listed(tmp_path):
    miniatures.write_own(tmp_path)
    with (tmp_path / "expressions.jsonl").open("a") as file:
        file.write('{"image":"photo0.png","phrase":""}\n{"image":"photo9.png","phrase":"cat"}\nx\n')
        file.write('{"image":"photo0.png","phrase":"cat","annotations":77,"split":"val"}\n')
    faults = verify("own", tmp_path).faults
    assert len(faults) == 4
    for number, words in [(6, "empty"), (8, "not valid JSON"), (9, "no annotation with id 77")]:
        assert any(f"line {number}: " in fault and words in fault for fault in faults)
    assert any("photo9.png" in fault for fault in faults)


def test_missing_split_is_a_difference(tmp_path):
    miniatures.write_referit(tmp_path)
    (tmp_path / "referit_query_test.json").unlink()
    assert "split test is not there" in verify("referit", tmp_path).differences


def test_referit_text_agrees_with_the_published_counts(shared_data):
    result = verify("referit", shared_data("referit"), pixels=False)
    assert result.ok
    assert result.differences == []


def test_photorefer_is_sound(shared_data):
    result = verify("own", shared_data("photorefer"))
    assert result.faults == []
    assert {report.split: report.expressions for report in result.splits} == {"train": 1972, "val": 622}


def test_statistics_against_counts_by_hand(tmp_path):
    miniatures.write_own(tmp_path)
    data = open_dataset("own", tmp_path, "train")
    vocabulary = Vocabulary.build(["red box", "both boxes", "the green"])
    result = statistics(data, vocabulary)
    # red box | both boxes | the patch , between | green box
    assert (result.images, result.refs, result.expressions) == (2, 4, 4)
    assert (result.absent, result.plural, result.cut) == (1, 1, 0)
    assert result.lengths == {2: 3, 4: 1}
    assert result.mean_length == 2.5
    assert result.words["box"] == 2
    assert result.distinct_words == 9
    assert result.unknown_rate == pytest.approx(3 / 10)
    boxes = miniatures.scene(0)[1]
    shares = [16 * 20, 16 * 20 + 14 * 18, 50]
    assert result.mean_area == pytest.approx(sum(shares) / 3 / (SIZE[0] * SIZE[1]))
    assert boxes["red"][2:] == (16, 20)
    assert result.areas == tuple(np.histogram(np.array(shares) / (SIZE[0] * SIZE[1]), AREA_EDGES)[0])
    json.dumps(result.to_json())


def test_statistics_of_text_alone(tmp_path):
    miniatures.write_referit(tmp_path)
    for path in (tmp_path / "mask").iterdir():
        path.unlink()
    result = statistics(open_dataset("referit", tmp_path, "val"))
    assert result.areas is None
    assert result.mean_area is None
    draw_statistics([result], tmp_path / "text.png")
    assert (tmp_path / "text.png").stat().st_size > 5000


def test_the_picture_is_a_picture(tmp_path):
    miniatures.write_refer(tmp_path)
    splits = [statistics(open_dataset("unc", tmp_path, split)) for split in ("train", "val")]
    draw_statistics(splits, tmp_path / "new" / "unc.png")
    with Pillow.open(tmp_path / "new" / "unc.png") as picture:
        assert picture.size[0] > 1000
        assert len(np.unique(np.asarray(picture.convert("L")))) > 50
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        draw_statistics(splits, tmp_path / "file" / "unc.png")


def test_unknown_names():
    with pytest.raises(DataError, match="did you mean 'unc'"):
        verify("umc", None)
