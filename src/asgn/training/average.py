"""An exponential moving average of a network's trained weights, for evaluation (protocol section 6)."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer

from asgn.models.generator import Generator


class AveragedGenerator:
    """A copy of a generator whose trained weights follow those of the original at a distance.

    Early on the average is over few steps: the decay begins at 2/11 and rises to its own value.
    """

    def __init__(self, generator: Generator, optimizer: Optimizer, decay: float) -> None:
        """`optimizer` knows which weights are trained; all others are the same in both."""
        trained = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
        self.network = copy.deepcopy(generator).requires_grad_(False).eval()
        self.decay = decay
        self._names = [name for name, weight in generator.named_parameters() if id(weight) in trained]
        self._source = generator

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Take in the weights after `step` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.tensors().values()), self._of(self._source), 1 - decay)

    def tensors(self) -> dict[str, Tensor]:
        """The averaged weights by name."""
        return dict(zip(self._names, self._of(self.network), strict=True))

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what `tensors` gave, around the original's other weights."""
        self.network.load_state_dict({**self._source.state_dict(), **tensors})

    def _of(self, network: Generator) -> list[Tensor]:
        weights = dict(network.named_parameters())
        return [weights[name] for name in self._names]
