import collections
import os
import pickle
import pickletools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgn.data.files.plain_pickle import load_plain_pickle, read_plain_pickle
from asgn.errors import DataError
from tests.data.outcome import outcome


class Shell:
    def __reduce__(self):
        return os.system, ("touch owned",)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(plain, st.integers(0, 5))
def test_plain_values_come_back_under_every_protocol(value, protocol):
    assert load_plain_pickle(pickle.dumps(value, protocol), "x") == value


@pytest.mark.parametrize("protocol", range(6))
def test_numpy_numbers_and_ordered_dictionaries_are_plain(protocol):
    value = collections.OrderedDict(
        ref_id=np.int64(7), image_id=np.uint32(9), split=np.bool_(True), area=np.float32(0.5), ids=np.eye(2, dtype=int)
    )
    value["big"], value["columns"] = np.array([1, 2], dtype=">i4"), np.asfortranarray([[1, 2], [3, 4]])
    found = load_plain_pickle(pickle.dumps([value], protocol), "x")
    assert found == [{
        "ref_id": 7, "image_id": 9, "split": True, "area": 0.5, "ids": [[1, 0], [0, 1]], "big": [1, 2],
        "columns": [[1, 2], [3, 4]],
    }]  # fmt: skip
    assert {type(each) for each in found[0].values()} <= {int, bool, float, list} | {type(found[0]["ids"])}
    assert isinstance(found[0]["ids"], list)


def test_arrays_of_objects_are_refused():
    with pytest.raises(DataError, match=r"not of numbers|asks for"):
        load_plain_pickle(pickle.dumps(np.array([Shell()], dtype=object), 2), "x")


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_changed_line_ends_are_noticed(protocol):
    data = pickle.dumps([{"ref_id": 10, "sent": "a dog\nrunning", "split": "train"}] * 20, protocol)
    with pytest.raises(DataError, match="line ends" if protocol == 0 else "not a readable pickle"):
        load_plain_pickle(data.replace(b"\n", b"\r\n"), "x")


def test_text_protocol_and_sets():
    assert load_plain_pickle(pickle.dumps([{"a": 1.5}, (2, "b")], 0), "x") == [{"a": 1.5}, (2, "b")]
    assert load_plain_pickle(pickle.dumps({3, 4}, 2), "x") == {3, 4}


def test_python_2_strings_are_latin_1():
    assert load_plain_pickle(b"\x80\x02U\x04caf\xe9q\x00.", "x") == "café"
    assert load_plain_pickle(b"\x80\x02]q\x00(U\x01aK\x02M\x00\x01e.", "x") == ["a", 2, 256]


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_ever_run(protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "refs(unc).p"
    path.write_bytes(pickle.dumps([Shell()], protocol))
    with pytest.raises(DataError, match=r"(posix|nt)\.system"):
        read_plain_pickle(path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("value", [collections.Counter(a=1), len, int, Exception("x"), range(3), 1j])
def test_other_globals_are_named_and_refused(value):
    with pytest.raises(DataError, match=r"asks for .*\.\w+, which annotations never need"):
        load_plain_pickle(pickle.dumps([value], 2), "x")


def test_missing_empty_and_cut_files(tmp_path):
    for name, content, words in [
        ("empty.p", b"", "empty"),
        ("cut.p", pickle.dumps(list(range(1000)), 2)[:100], "not a readable pickle"),
        ("text.p", b"<html>404 Not Found</html>", "not a readable pickle"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=words):
            read_plain_pickle(tmp_path / name)
    with pytest.raises(DataError, match="no file"):
        read_plain_pickle(tmp_path / "none.p")


@pytest.mark.parametrize("data", [b"]r\xff\xff\xff\x3f.", b"]p1000000000\n.", b"\x80\x02]r\x00\x00\x00\x40."])
def test_memo_bombs_cost_no_memory(data):
    tracemalloc.start()
    with pytest.raises(DataError, match="memo"):
        load_plain_pickle(data, "x")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_every_opcode_has_a_known_length():
    """The walk agrees with pickletools on where each opcode ends: a stop put there is met as one."""
    value = [
        {"a" * 300: (1, 2.5, None, True, -70000, 10**30)},
        ["b", b"c" * 3, {4}, frozenset({5})],
    ] * 3
    for protocol in range(6):
        data = pickle.dumps(value, protocol)
        assert [op.name for op, _, _ in pickletools.genops(data)]
        assert load_plain_pickle(data, "x") == value


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.data())
def test_garbage_is_one_line(garbage, data):
    good = pickle.dumps([{"sent": "a dog", "id": 5, "box": [1.5, 2]}], 2)
    place = data.draw(st.integers(0, len(good)))
    for content in (garbage, good[:place] + garbage + good[place + len(garbage) :]):
        _, line = outcome(load_plain_pickle, content, "x")
        assert line is None or "\n" not in line
