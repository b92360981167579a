"""What keeps a server of many users small and prompt."""

import asyncio
import threading

import pytest

from asgn.app.limits import Limits, RefusalError, check_plain_name
from asgn.app.service import SegmentService
from asgn.app.work_queue import WorkQueue
from asgn.data.files.recent import RecentItems


def test_what_was_used_last_is_kept_within_the_bound():
    items: RecentItems[str, str] = RecentItems(10)
    for key in "abc":
        items.put(key, key.upper(), 4)
    assert [items.get(key) for key in "abc"] == [None, "B", "C"]
    items.get("b")
    items.put("d", "D", 5)
    assert [items.get(key) for key in "bcd"] == ["B", None, "D"]
    items.put("b", "again", 1)
    items.put("e", "E", 4)
    assert [items.get(key) for key in "bde"] == ["again", "D", "E"]


def test_a_value_beyond_the_bound_is_kept_alone():
    items: RecentItems[str, str] = RecentItems(10)
    items.put("a", "A", 3)
    items.put("b", "B", 99)
    assert len(items) == 1
    assert items.get("b") == "B"


def test_the_queue_has_an_end():
    async def crowd():
        queue, gate = WorkQueue(longest=2), threading.Event()
        waiting = [asyncio.create_task(queue.run(gate.wait)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(RefusalError, match="busy") as caught:
            await queue.run(int)
        assert caught.value.status == 503
        gate.set()
        assert await asyncio.gather(*waiting) == [True] * 3
        assert await queue.run(int, "7") == 7
        queue.close()

    asyncio.run(crowd())


def test_pictures_asked_about_long_ago_are_forgotten(segmenter, png):
    service = SegmentService(segmenter, Limits(picture_bytes=1))
    first = service.receive(png)
    assert service.recall(first.id) is first
    service.receive(png + b"\0")  # bytes behind the end change the file, not the picture
    with pytest.raises(RefusalError, match="send the file again"):
        service.recall(first.id)


def test_bytes_and_pixels_are_bounded(segmenter, png):
    with pytest.raises(RefusalError, match="too large"):
        SegmentService(segmenter, Limits(file_bytes=100)).receive(png)
    with pytest.raises(RefusalError, match="90x48 pixels"):
        SegmentService(segmenter, Limits(pixels=4000)).receive(png)


@pytest.mark.parametrize("name", ["photo.jpg", "Фото 1.png", "a b(2).webp", ""])
def test_plain_names_pass(name):
    check_plain_name(name)
