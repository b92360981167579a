"""Many users of `asgn app` at once, and rubbish through its HTTP API.

    python -m benchmarks.app_load MODEL [SECONDS]

32 users send a photograph each, then ask further phrases of it by its id, for a minute. Then 2,000 random files as
images and 2,000 random texts as phrases. Expected: no error, memory steady, no status of 500 or above.
"""

import asyncio
import io
import random
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import numpy as np
import psutil
from PIL import Image

from benchmarks.measure import record

USERS, SECONDS, RUBBISH = 32, 60.0, 2000
PHRASES = ("the left person", "the dog", "red car on the right", "the cat", "left circle", "the red star")


@dataclass
class Load:
    """What users saw, and what the server took."""

    statuses: Counter[str] = field(default_factory=Counter)
    first: list[float] = field(default_factory=list)
    """Seconds of requests that sent a photograph."""
    further: list[float] = field(default_factory=list)
    """Seconds of requests for a phrase of a photograph sent before."""
    memory: list[int] = field(default_factory=list)
    """Resident bytes of the server, sampled evenly."""


async def drive_users(url: str, users: int, seconds: float, server: int | None = None) -> Load:
    """Let `users` ask for `seconds`; `server` is the process whose memory is sampled."""
    load, end = Load(), time.perf_counter() + seconds
    limits = httpx.Limits(max_connections=users)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        tasks = [asyncio.create_task(_user(client, number, end, load)) for number in range(users)]
        while server is not None and time.perf_counter() < end:
            load.memory.append(psutil.Process(server).memory_info().rss)
            await asyncio.sleep(min(1.0, seconds / 10))
        await asyncio.gather(*tasks)
    return load


async def _user(client: httpx.AsyncClient, number: int, end: float, load: Load) -> None:
    picture, chance = draw_picture(number), random.Random(number)
    while time.perf_counter() < end:
        key = await _ask(client, load, load.first, {"image": ("photo.jpg", picture)}, chance)
        for _ in range(3):
            if key is not None and time.perf_counter() < end:
                await _ask(client, load, load.further, {"image_id": (None, key)}, chance)


async def _ask(
    client: httpx.AsyncClient, load: Load, seconds: list[float], fields: dict, chance: random.Random
) -> str | None:
    start = time.perf_counter()
    try:
        response = await client.post("/api/segment", files={**fields, "phrases": (None, chance.choice(PHRASES))})
    except httpx.HTTPError as error:
        load.statuses[type(error).__name__] += 1
        return None
    seconds.append(time.perf_counter() - start)
    load.statuses[str(response.status_code)] += 1
    return response.json()["image"]["id"] if response.status_code == 200 else None


def fuzz_images(url: str, count: int, seed: int = 0) -> Counter[int]:
    """How often each status answered random files: noise, noise behind true signatures, damaged pictures."""
    chance = random.Random(seed)
    pictures = [draw_picture(0, kind) for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")]
    return _post_all(url, [({"image": ("p.png", _rubbish(chance, pictures))}, "left circle") for _ in range(count)])


def fuzz_phrases(url: str, count: int, seed: int = 0) -> Counter[int]:
    """How often each status answered random Unicode texts."""
    chance, picture = random.Random(seed), draw_picture(0)
    return _post_all(url, [({"image": ("p.jpg", picture)}, _text(chance)) for _ in range(count)])


def _post_all(url: str, requests: list[tuple[dict, str]]) -> Counter[int]:
    statuses: Counter[int] = Counter()
    with httpx.Client(base_url=url, timeout=60) as client:
        for fields, phrase in requests:
            response = client.post("/api/segment", files={**fields, "phrases": (None, phrase.encode())})
            statuses[response.status_code] += 1
            if "Traceback" in response.text or not isinstance(response.json(), dict):
                raise AssertionError(f"a bare error for {phrase!r}: {response.text[:300]}")
    return statuses


def _rubbish(chance: random.Random, pictures: list[bytes]) -> bytes:
    kind, picture = chance.randrange(3), bytearray(chance.choice(pictures))
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 3000))
    if kind == 1:
        return bytes(picture[: chance.randrange(4, 40)]) + chance.randbytes(chance.randrange(1, 3000))
    for _ in range(chance.randrange(1, 20)):
        picture[chance.randrange(len(picture))] = chance.randrange(256)
    return bytes(picture[: chance.choice((len(picture), chance.randrange(1, len(picture))))])


def _text(chance: random.Random) -> str:
    """Any code points but surrogates, which UTF-8 cannot carry, now and then between words that a model may know."""
    top = chance.choice((0x7F, 0x3000, 0x10FFFF))
    letters = [chr(chance.randrange(top + 1)) for _ in range(chance.randrange(0, 400))]
    text = "".join(letter for letter in letters if not "\ud800" <= letter <= "\udfff")
    return chance.choice((text, f"left {text} circle", f"the person {text}"))


def draw_picture(number: int, kind: str = "JPEG", side: int = 480) -> bytes:
    """A picture of its own for each number."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((side, side * 3 // 4), Image.Resampling.BICUBIC).save(file, kind)
    return file.getvalue()


def main() -> None:
    model, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    with serving(model) as (url, server):
        asyncio.run(drive_users(url, USERS, min(10.0, seconds)))  # fills caches and allocators
        load = asyncio.run(drive_users(url, USERS, seconds, server))
        images, phrases = fuzz_images(url, RUBBISH), fuzz_phrases(url, RUBBISH)
        after = psutil.Process(server).memory_info().rss
    record(
        "app_load", {"users": USERS, "seconds": seconds, **summary(load), **_rubbish_summary(images, phrases, after)}
    )


@contextmanager
def serving(model: str, *options: str) -> Iterator[tuple[str, int]]:
    """The address of a server and its process, while it runs."""
    code = "from asgn.cli.main import main; main()"
    command = [sys.executable, "-c", code, "app", "--model", model, "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = re.search(r"http://\S+(?= in)", server.stdout.readline())
            assert address is not None
            _wait_for(address[0])
            yield address[0], server.pid
        finally:
            server.terminate()


def summary(load: Load) -> dict[str, object]:
    """The load in numbers."""
    early, late = _third(load.memory, 0), _third(load.memory, 2)
    return {
        "requests by status": dict(load.statuses),
        "seconds of a request with a photograph, median": round(statistics.median(load.first), 3),
        "seconds of a further phrase, median": round(statistics.median(load.further), 3),
        "seconds of a request, slowest": round(max(load.first + load.further), 3),
        "memory of the server in MiB, first third": round(early / 2**20),
        "memory of the server in MiB, last third": round(late / 2**20),
        "growth": round(late / early, 4),
    }


def _third(values: list[int], index: int) -> float:
    size = max(1, len(values) // 3)
    return statistics.mean(values[index * size : (index + 1) * size] or values[-1:])


def _rubbish_summary(images: Counter[int], phrases: Counter[int], memory: int) -> dict[str, object]:
    return {
        "random files as images, by status": {str(status): count for status, count in images.items()},
        "random texts as phrases, by status": {str(status): count for status, count in phrases.items()},
        "memory of the server in MiB, after these": round(memory / 2**20),
    }


def _wait_for(url: str) -> None:
    for _ in range(300):
        try:
            httpx.get(f"{url}/api/model", timeout=5).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(1)
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main()
