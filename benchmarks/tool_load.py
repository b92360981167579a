"""Many users of the annotation tools' protocols at once, and an image that is too large.

    python -m benchmarks.tool_load MODEL [SECONDS]

16 users of X-AnyLabeling's protocol ask for half a minute, then 16 of Label Studio's, each with an image of its own
and changing phrases. Expected: nothing but status 200, and 413 for the large image.
"""

import asyncio
import base64
import itertools
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

import httpx

from benchmarks.app_load import PHRASES, draw_picture, serving
from benchmarks.measure import record

USERS, SECONDS = 16, 30.0
LARGE_SIDE = 6000
CONFIG = (
    '<View><Image name="image" value="$image"/><TextArea name="prompt" toName="image"/>'
    '<BrushLabels name="tag" toName="image"><Label value="thing"/></BrushLabels></View>'
)


def x_anylabeling(image: str, phrase: str) -> dict[str, object]:
    """A request of the desktop tool."""
    return {"model": "asgn", "image": image, "params": {"conf_threshold": 0.0, "text_prompt": phrase}}


def label_studio(image: str, phrase: str) -> dict[str, object]:
    """A request of a project, while somebody labels."""
    context = {"result": [{"value": {"text": [phrase]}}]}
    tasks = [{"id": 1, "data": {"image": image}}]
    return {"tasks": tasks, "label_config": CONFIG, "params": {"context": context}}


PROTOCOLS: dict[str, tuple[str, Callable[[str, str], dict[str, object]]]] = {
    "X-AnyLabeling": ("/v1/predict", x_anylabeling),
    "Label Studio": ("/predict", label_studio),
}


async def drive(
    url: str, protocol: str, users: int, seconds: float, phrases: Sequence[str] = PHRASES
) -> Counter[str]:
    """How often each status answered `users` that ask for `seconds`, without a pause."""
    path, body = PROTOCOLS[protocol]
    statuses: Counter[str] = Counter()
    end = time.perf_counter() + seconds

    async def user(client: httpx.AsyncClient, number: int) -> None:
        image = data_uri(draw_picture(number))
        for turn in itertools.count(number):
            if time.perf_counter() >= end:
                return
            try:
                response = await client.post(path, json=body(image, phrases[turn % len(phrases)]))
            except httpx.HTTPError as error:
                statuses[type(error).__name__] += 1
            else:
                statuses[str(response.status_code)] += 1

    limits = httpx.Limits(max_connections=users)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        await asyncio.gather(*(user(client, number) for number in range(users)))
    return statuses


def refusal(url: str, protocol: str) -> int:
    """The status that answers an image of more pixels than are taken."""
    path, body = PROTOCOLS[protocol]
    large = data_uri(draw_picture(0, "PNG", side=LARGE_SIDE))
    return httpx.post(url + path, json=body(large, PHRASES[0]), timeout=120).status_code


def data_uri(picture: bytes) -> str:
    """An image file as both protocols send it."""
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def main() -> None:
    model, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    found: dict[str, object] = {"users": USERS, "seconds": seconds}
    with serving(model, "--x-anylabeling", "--label-studio", "http://127.0.0.1:1") as (url, _):
        for protocol in PROTOCOLS:
            statuses = asyncio.run(drive(url, protocol, USERS, seconds))
            found[protocol] = {"requests by status": dict(statuses), "a large image": refusal(url, protocol)}
    record("tool_load", found)


if __name__ == "__main__":
    main()
