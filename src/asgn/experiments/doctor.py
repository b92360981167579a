"""Is this installation sound? Versions, devices, and a known answer computed again."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from asgn.checkpoint import Model
from asgn.config import ModelConfig
from asgn.data.datasets import open_dataset
from asgn.data.synthetic.dataset import SyntheticDataset
from asgn.data.vocabulary import SPECIAL, Vocabulary
from asgn.errors import UserError
from asgn.inference.device import processor_has_bfloat16
from asgn.inference.load import load
from asgn.inference.segmenter import Segmenter
from asgn.models.build import build_generator

PACKAGES = ("asgn", "torch", "torchvision", "accelerate", "numpy", "pillow", "pycocotools", "safetensors", "scipy")
OPTIONAL_PACKAGES = ("pydensecrf2", "scikit-learn", "huggingface_hub", "onnxruntime", "gradio")
KNOWN_VARIANT = "M+LSTM+DE+SE"
KNOWN_PHRASE = "left circle"
KNOWN_LOGIT = -0.032835
"""Mean logit of the known answer, recorded with torch 2.15 on an x86-64 CPU."""


MOBILE_PHRASE = "the person"
MOBILE_LOGIT = -3.3230
"""Mean logit of the model in the box for this phrase on a drawn scene, likewise."""


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    passed: bool
    detail: str


def run_checks(model: str | None, data: str | None, root: Path | None, split: str) -> list[Check]:
    """All checks; those of a model or data set only where one is given."""
    checks = [_check_versions(), _check_extras(), _check_device(), _check_known_answer(), _check_known_mask()]
    if model is not None:
        checks.append(_check_model(model))
    if data is not None:
        checks.append(_check_data(data, root, split))
    return checks


def _check_versions() -> Check:
    found = ", ".join(f"{package} {_version(package) or 'missing'}" for package in PACKAGES)
    everything = all(_version(package) for package in PACKAGES)
    return Check("versions", everything, f"python {platform.python_version()}, {found}")


def _check_extras() -> Check:
    """Optional packages; their absence is no fault."""
    found = ", ".join(f"{package} {_version(package) or 'not installed'}" for package in OPTIONAL_PACKAGES)
    return Check("optional", True, found)


def _check_device() -> Check:
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return Check("device", True, f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")
    speech = {True: "fast", False: "slow: train with --precision no", None: "of unknown speed"}
    cores = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    return Check("device", True, f"CPU only: {cores}; bfloat16 is {speech[processor_has_bfloat16()]}")


def _check_known_answer() -> Check:
    """A small network with weights of a fixed seed must give the logits it gave when this was written."""
    measured = known_logit()
    passed = abs(measured - KNOWN_LOGIT) < 1e-4
    return Check("known answer", passed, f"mean logit {measured:.6f}, expected {KNOWN_LOGIT:.6f} within 0.0001")


def known_logit() -> float:
    """Mean logit of a fixed network for a fixed scene and phrase."""
    vocabulary = Vocabulary([*SPECIAL, *KNOWN_PHRASE.split()])
    config = ModelConfig(
        KNOWN_VARIANT, len(vocabulary), image_size=64, embedding_size=8, language_size=8, visual_size=8, fusion_size=8
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        segmenter = Segmenter(Model(build_generator(config), config, vocabulary, {}))
    scene = SyntheticDataset("train", scenes=1, size=64)
    encoded = segmenter.encode(scene.image(scene.expressions[0].image_id))
    return float(segmenter.pixel_logits(encoded, [vocabulary.encode(KNOWN_PHRASE)]).double().mean())


def _check_known_mask() -> Check:
    """The model in the box must be the one that was shipped, and answer as it did then."""
    try:
        measured = mobile_logit()
    except UserError as error:
        return Check("model in the box", False, str(error))
    passed = abs(measured - MOBILE_LOGIT) < 1e-2
    return Check("model in the box", passed, f"mean logit {measured:.4f}, expected {MOBILE_LOGIT:.4f} within 0.01")


def mobile_logit() -> float:
    """Mean logit of the network in the box for a drawn scene and a phrase. Raises CheckpointError."""
    segmenter = load(device="cpu")
    scene = SyntheticDataset("train", scenes=1, size=128)
    encoded = segmenter.encode(scene.image(scene.expressions[0].image_id))
    return float(segmenter.network_logits(encoded, [segmenter.vocabulary.encode(MOBILE_PHRASE)]).double().mean())


def _check_model(name: str) -> Check:
    try:
        segmenter = load(name, "cpu")
    except UserError as error:
        return Check("model", False, str(error))
    return Check("model", True, f"{name}: {segmenter.model.config.variant}, {len(segmenter.vocabulary)} words")


def _check_data(name: str, root: Path | None, split: str) -> Check:
    try:
        dataset = open_dataset(name, root, split)
        first = dataset.expressions[0]
        dataset.image(first.image_id), dataset.mask(first)
    except UserError as error:
        return Check("data", False, str(error))
    return Check("data", True, f"{name}/{split}: {len(dataset.expressions)} expressions; the first one reads")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
