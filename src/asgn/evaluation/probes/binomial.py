"""How far a share of right answers would move on other questions of the same kind."""

import math
from dataclasses import dataclass
from typing import Any

_Z = 1.959964
"""Two-sided 95 % of the normal distribution."""


@dataclass(frozen=True)
class Share:
    """A number of right answers of a total."""

    right: int
    total: int

    @property
    def percent(self) -> float | None:
        """None of none."""
        return 100 * self.right / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the true share, in percent (E. B. Wilson, JASA 22, 1927); None of none."""
        if not self.total:
            return None
        share, weight = self.right / self.total, _Z**2 / self.total
        centre = (share + weight / 2) / (1 + weight)
        reach = math.sqrt(share * (1 - share) * weight + weight**2 / 4) / (1 + weight)
        return 100 * max(0.0, centre - reach), 100 * min(1.0, centre + reach)

    def __add__(self, other: "Share") -> "Share":
        return Share(self.right + other.right, self.total + other.total)

    def to_json(self) -> dict[str, Any]:
        """Counts, percent and interval as JSON values."""
        interval = None if self.interval is None else list(self.interval)
        return {"right": self.right, "total": self.total, "percent": self.percent, "interval_95": interval}
