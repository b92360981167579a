"""Keeping the last few results of a costly reading."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key")
Value = TypeVar("Value", bound=NDArray[np.generic])


class RecentArrays(Generic[Key, Value]):
    """The `capacity` arrays used last. Each caller gets a copy, so that none can spoil another's."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._arrays: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, read: Callable[[], Value]) -> Value:
        """A copy of the array of `key`, read when it is not held."""
        array = self._arrays.pop(key, None)
        if array is None:
            array = read()
        self._arrays[key] = array
        while len(self._arrays) > self._capacity:
            self._arrays.popitem(last=False)
        return array.copy()
