"""What a small model need not load: torchvision brings the compiler and a third more memory."""

import subprocess
import sys


def test_opening_a_small_model_loads_neither_torchvision_nor_the_compiler():
    code = (
        "import sys; from asgn.config import ModelConfig; import asgn.inference.load; "
        "from asgn.models.build import build_generator; "
        "build_generator(ModelConfig('M+RMI+DE+SE', 10, fusion_size=8)); "
        "print([name for name in ('torchvision', 'torch._dynamo', 'sympy', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
