"""Keeping what was used last, within a bound."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class RecentItems(Generic[Key, Value]):
    """Values by key; those used longest ago are forgotten so that the sizes of the rest add up to `capacity` at most.

    Threads may share it. A value larger than the capacity is kept until the next one comes.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._items: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """The value of `key`, which counts as used now; None where it is not held."""
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key][0]

    def put(self, key: Key, value: Value, size: int) -> None:
        """Keep a value of a size, in bytes or whatever the capacity counts."""
        with self._lock:
            self._bytes += size - self._items.pop(key, (value, 0))[1]
            self._items[key] = (value, size)
            while self._bytes > self.capacity and len(self._items) > 1:
                self._bytes -= self._items.popitem(last=False)[1][1]

    def __reduce__(self) -> tuple[type["RecentItems[Key, Value]"], tuple[int]]:
        return RecentItems, (self.capacity,)  # a copy in another process begins empty

    def __len__(self) -> int:
        return len(self._items)
