"""One phrase and eight phrases about a photograph, against CLIPSeg (ViT-B/16, 352 pixels) of transformers.

    python -m benchmarks.clipseg [THREADS]

From pixels to masks at the photograph's size, CLIPSeg's tokenising left out. Random weights, which take the same time
as trained ones; the photograph is scikit-image's cat. Each candidate is a process of its own, whose highest resident
size counts; they take turns, and medians are compared. On a shared machine wall time says little, so processor time
is kept too: with one thread both are the same on an idle machine, and the ratios are those of processor time.

Needs the extras `test`, `onnx` and `clipseg`. Expected of the model in the box: one phrase at least 6 times as fast,
eight at least 45 times, at most 45 % of the memory; ONNX not slower than PyTorch.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
CLIPSEG = "CLIPSeg ViT-B/16, 352"
PHRASES = [
    "the cat", "left ear of the cat", "the blue eye", "the whiskers on the right",
    "the nose", "white blanket behind the cat", "the cat on the left", "the dog",
]  # fmt: skip
ROUNDS = 5
Ask = Callable[[int], object]


def main() -> None:
    from skimage.data import chelsea

    from asgn.checkpoint import load_model
    from asgn.inference.load import find_model
    from asgn.inference.onnx.export import export_model
    from benchmarks.measure import record

    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        np.save(folder / "photograph.npy", chelsea())
        export_model(load_model(find_model()), folder / "onnx")
        candidates = {CLIPSEG: "clipseg", "asgn-mobile": str(find_model()), "asgn-mobile, ONNX": "onnx"}
        result = measure(candidates, folder)
    record("clipseg", {"phrases": len(PHRASES), **result, **compare(result)})


def measure(candidates: dict[str, str], folder: Path) -> dict[str, dict[str, float]]:
    """Let each candidate answer one phrase, then eight, turn by turn; the first round is not counted."""
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-m", "benchmarks.clipseg", str(THREADS), str(folder), what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, what in candidates.items()
    }
    for process in processes.values():
        answer(process, "0")
    seen: dict[str, dict[str, list[float]]] = {name: {} for name in candidates}
    for counted in range(ROUNDS + 1):
        for count in (1, len(PHRASES)):
            for name, process in processes.items():
                for kind, value in answer(process, str(count)).items():
                    if counted:
                        seen[name].setdefault(f"{kind}, phrases: {count}", []).append(value)
    result = {name: {kind: round(statistics.median(v), 4) for kind, v in kinds.items()} for name, kinds in seen.items()}
    for name, process in processes.items():
        result[name]["peak MiB"] = round(answer(process, "memory")["peak MiB"], 1)
        process.communicate()
    return result


def answer(process: "subprocess.Popen[str]", question: str) -> dict[str, float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(question + "\n")
    process.stdin.flush()
    told: dict[str, float] = json.loads(process.stdout.readline())
    return told


def compare(result: dict[str, dict[str, float]]) -> dict[str, Any]:
    """How many times as fast as CLIPSeg, by processor time, and the share of its memory."""
    base = result[CLIPSEG]
    one, many = (f"processor seconds, phrases: {count}" for count in (1, len(PHRASES)))
    return {
        f"{name} against CLIPSeg": {
            "one phrase, times as fast": round(base[one] / own[one], 1),
            "eight phrases, times as fast": round(base[many] / own[many], 1),
            "share of its memory": round(own["peak MiB"] / base["peak MiB"], 2),
        }
        for name, own in result.items()
        if name != CLIPSEG
    }


def serve(folder: Path, what: str) -> None:
    """A candidate's process: answer as many phrases as each line on stdin says, and tell the seconds."""
    torch.set_num_threads(THREADS)
    photograph = np.load(folder / "photograph.npy")
    ask = clipseg(photograph) if what == "clipseg" else ours(photograph, folder / what)
    for line in sys.stdin:
        if line.strip() == "memory":
            print(json.dumps({"peak MiB": peak_mebibytes()}), flush=True)
            continue
        wall, own = time.perf_counter(), time.process_time()
        if int(line):
            ask(int(line))
        told = {"seconds": time.perf_counter() - wall, "processor seconds": time.process_time() - own}
        print(json.dumps(told), flush=True)


def ours(photograph: np.ndarray, path: Path) -> Ask:
    from asgn.inference.load import load

    segmenter = load(path, "cpu")
    return lambda count: segmenter(photograph, PHRASES[:count])


def clipseg(photograph: np.ndarray) -> Ask:
    """As its documentation asks it: the photograph is repeated for each phrase."""
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, ViTImageProcessor

    config = CLIPSegConfig(vision_config={"patch_size": 16, "image_size": 352})
    model = CLIPSegForImageSegmentation(config).eval()
    prepare_image = ViTImageProcessor(size={"height": 352, "width": 352})
    generator = torch.Generator().manual_seed(0)

    @torch.inference_mode()
    def ask(count: int) -> list[np.ndarray]:
        pixels = prepare_image([photograph] * count, return_tensors="pt")["pixel_values"]
        tokens = torch.randint(1, 49405, (count, 7), generator=generator)
        tokens[:, 0], tokens[:, -1] = 49406, 49407
        logits = model(input_ids=tokens, pixel_values=pixels, attention_mask=torch.ones_like(tokens)).logits
        logits = logits.reshape(count, 1, 352, 352)
        resized = torch.nn.functional.interpolate(logits, photograph.shape[:2], mode="bilinear")
        return [mask.numpy() for mask in resized.squeeze(1) >= 0]

    return ask


def peak_mebibytes() -> float:
    """The highest resident size of this process so far; not its parent's, as getrusage would have it after a fork."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    if len(sys.argv) > 2:
        serve(Path(sys.argv[2]), sys.argv[3])
    else:
        main()
