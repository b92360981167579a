"""Whether the two sides of adversarial training keep in balance (protocol section 6)."""

import logging
from collections import deque
from typing import Literal

_LOG = logging.getLogger(__name__)

HEALTHY = (0.2, 0.5)
"""D's loss while both networks learn from each other; ln 2 = 0.69 is a D that cannot tell."""
PATIENCE_STEPS = 500

Side = Literal["won", "collapsed"]


class BalanceWatch:
    """Says once when D's loss has stayed outside its healthy range for long, and again only after it was back."""

    def __init__(self, real_masks: Literal["literal", "matched"]) -> None:
        """`real_masks` is the run's own setting, which a hint must not repeat."""
        self._real_masks = real_masks
        self._recent: deque[tuple[int, float]] = deque()
        self._said: Side | None = None

    def look(self, step: int, loss: float) -> str | None:
        """Take in D's mean loss since the last look; gives the warning where one is due, which is logged too."""
        self._recent.append((step, loss))
        while step - self._recent[0][0] > PATIENCE_STEPS:
            self._recent.popleft()
        mean = sum(value for _, value in self._recent) / len(self._recent)
        low, high = HEALTHY
        side: Side | None = "won" if mean < low else "collapsed" if mean > high else None
        is_long = step - self._recent[0][0] >= PATIENCE_STEPS
        if side is None:
            self._said = None
        if side is None or side == self._said or not is_long:
            return None
        self._said = side
        warning = self._warning(side, mean, step)
        _LOG.warning(warning)
        return warning

    def _warning(self, side: Side, mean: float, step: int) -> str:
        facts = f"D's loss averaged {mean:.2g} over the last {PATIENCE_STEPS} steps up to {step}"
        if side == "won":
            matched = "" if self._real_masks == "matched" else "--real-masks matched, "
            return (
                f"the discriminator has won: {facts}, below {HEALTHY[0]}, and its gradient says little to the "
                f"generator; try {matched}--discriminator-floor 0.4, a lower --discriminator-learning-rate, or a "
                f"longer --warmup-steps"
            )
        literal = "--real-masks literal or " if self._real_masks == "matched" else ""
        return (
            f"the discriminator has collapsed: {facts}, above {HEALTHY[1]} (0.69 is guessing); "
            f"try {literal}--beta1 0.5"
        )
