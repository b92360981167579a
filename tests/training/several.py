"""Run a function in one or several processes that know of each other, as a launcher would start them."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from typing import Any

import torch

DEADLINE = 900.0


def in_processes(count: int, function: Callable[..., None], *arguments: Any) -> list[int]:
    """Call `function(*arguments)` in `count` processes at once; their exit codes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.distributed_run"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [context.Process(target=_join, args=(rank, count, port, function, arguments)) for rank in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(DEADLINE)
        process.kill()
        process.join()
    return [process.exitcode for process in processes]


def _join(rank: int, count: int, port: int, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    if count > 1:
        os.environ |= {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "GLOO_SOCKET_IFNAME": "lo",
        }
    function(*arguments)
    if count > 1:
        torch.distributed.destroy_process_group()
