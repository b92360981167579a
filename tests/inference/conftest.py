"""What several tests of inference ask."""

import numpy as np
import pytest

from asgn.inference.segmenter import Segmenter


@pytest.fixture
def segmenter(tiny_model):
    return Segmenter(tiny_model)


@pytest.fixture
def photograph():
    return np.random.default_rng(0).integers(0, 256, (48, 90, 3), dtype=np.uint8)
