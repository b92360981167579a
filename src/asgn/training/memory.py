"""The highest memory use of a stretch of work: of the GPU where it runs on one, else of this process."""

import gc
import re
import resource
import sys
from pathlib import Path

import torch

_GIBIBYTE = 2**30
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """Counts from its making, or the last `restart`, where the system lets it; else from the process's start."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.restart()

    @property
    def of_gpu(self) -> bool:
        """Whether a GPU's memory is counted rather than the process's."""
        return self.device.type == "cuda"

    def restart(self) -> None:
        """Forget earlier peaks, and give back what is free."""
        gc.collect()
        if self.of_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
        try:
            _RESET.write_text("5")  # Linux: the peak of the resident size becomes its present value
        except OSError:
            return

    def gibibytes(self) -> float:
        """Tensors on the GPU, or the process's resident memory, data-loading processes left out; in 2^30 bytes."""
        if self.of_gpu:
            return torch.cuda.max_memory_allocated(self.device) / _GIBIBYTE
        found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text()) if _STATUS.exists() else None
        if found:
            return int(found[1]) * 1024 / _GIBIBYTE
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, KiB elsewhere
        return peak * (1 if sys.platform == "darwin" else 1024) / _GIBIBYTE
