"""What runs the networks: PyTorch here, onnxruntime in `onnx.runner`."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from asgn.models.generator import Generator, ImageFeatures


class Backend(Protocol):
    """The two networks behind a `Segmenter`."""

    def encode(self, image: Tensor) -> ImageFeatures:
        """One raw RGB image, (1, 3, S, S) uint8, to what every phrase about it shares."""

    def logits(self, features: ImageFeatures, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits (P, S, S) float32 on the CPU of P phrases over one image.

        `tokens` is (P, T) int64, right-padded; `lengths` (P,).
        """

    def digest(self) -> str:
        """SHA-256 of the weights, as hex digits."""


class TorchBackend:
    """A generator run by PyTorch.

    A network in training answers in evaluation mode, and is in training again, part by part, after each answer.

    Args:
        generator: the network.
        device: it is moved there; None leaves it where it is.
    """

    def __init__(self, generator: Generator, device: str | torch.device | None = None) -> None:
        self._generator = generator if device is None else generator.to(device)
        self._trains = generator.training
        self._mode = threading.Lock()

    @torch.inference_mode()
    def encode(self, image: Tensor) -> ImageFeatures:
        """See `Backend`."""
        with self._evaluating():
            return self._generator.encode(image.to(self._device))

    @torch.inference_mode()
    def logits(self, features: ImageFeatures, tokens: Tensor, lengths: Tensor) -> Tensor:
        """See `Backend`."""
        with self._evaluating():
            grid = self._generator.decode(features, tokens.to(self._device), lengths.to(self._device))
            pixels: Tensor = self._generator.upsample(grid)
        return pixels.squeeze(1).float().cpu()

    def digest(self) -> str:
        """See `Backend`."""
        weights = hashlib.sha256()
        for name, tensor in sorted(self._generator.state_dict().items()):
            weights.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        return weights.hexdigest()

    @property
    def _device(self) -> torch.device:
        return next(self._generator.parameters()).device

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        """Threads take turns where the mode has to change, so that none changes it under another."""
        self._trains = self._trains or self._generator.training
        if not self._trains:
            yield
            return
        with self._mode:
            training = [module for module in self._generator.modules() if module.training]
            self._generator.eval()
            try:
                yield
            finally:
                for module in training:
                    module.training = True
