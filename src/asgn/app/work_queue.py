"""One model, many users: requests wait their turn in a queue of bounded length."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from asgn.app.limits import RefusalError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class WorkQueue:
    """Runs work in one thread, first come first served, while the server goes on listening.

    One thread suffices: a single step of the network already spreads over all cores, or over the accelerator.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="asgn-app")
        self._held = 0

    async def run(
        self, work: Callable[Arguments, Result], *arguments: Arguments.args, **options: Arguments.kwargs
    ) -> Result:
        """The result of `work` once its turn has come.

        Raises:
            RefusalError: 503, when one piece of work runs and `longest` wait already.
        """
        if self._held > self.longest:
            raise RefusalError(503, f"the server is busy: {self.longest} requests wait already; try again in a moment")
        self._held += 1
        try:
            return await asyncio.wrap_future(self._thread.submit(work, *arguments, **options))
        finally:
            self._held -= 1

    def close(self) -> None:
        """Drop what waits and let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)
