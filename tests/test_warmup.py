"""After a warm-up nothing is left to compile, and `import minicnn` stays light."""

import json
import subprocess
import sys

import pytest

from minicnn import plan, warmup

LIGHT = 60
"""Modules that `import minicnn` may load, besides those that Python itself starts with."""


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_loads_next_to_nothing():
    code = "import sys; a = set(sys.modules); import minicnn; print(*set(sys.modules) - a)"
    loaded = run(code).split()
    assert len(loaded) <= LIGHT, loaded
    heavy = {"numpy", "numba", "llvmlite", "scipy", "matplotlib", "onnx", "pooch", "tqdm"}
    assert not heavy & set(loaded)


def test_a_first_call_loads_only_the_kernel_that_it_uses():
    code = """
import sys, numpy as np, minicnn as mc
x, w = np.ones((1, 1, 6, 6), np.float32), np.ones((1, 1, 3, 3), np.float32)
mc.ops.conv2d(x, w, algorithm="naive")
print(*(name for name in sys.modules if name.startswith("minicnn.kernels.")))
from minicnn.warmup import functions
print(*(f.py_func.__name__ for f in functions() if f.overloads))
"""
    kernels, compiled = run(code).splitlines()
    used = {name.rpartition(".")[2] for name in kernels.split()}
    assert not used & (set(plan.ALGORITHMS) - {"naive"})
    assert compiled.split() == ["_forward"]


def test_every_algorithm_and_every_type_has_its_jobs():
    names = [job.name for job in warmup.jobs()]
    for dtype in warmup.DTYPES:
        for algorithm in plan.ALGORITHMS:
            assert f"{algorithm} {dtype}" in names


USUAL = """
import json, numpy as np, minicnn as mc
from minicnn.warmup import functions, warmup
WARM
for dtype in (np.float32, np.float64):
    for build, shape in ((mc.models.lenet5, (1, 28, 28)), (mc.models.vgg_small, (3, 32, 32)),
                         (mc.models.resnet_cifar, (3, 32, 32))):
        model = build(in_shape=shape, dtype=dtype)
        for n in (1, 7):
            x = np.random.default_rng(n).random((n, *shape)).astype(dtype)
            mc.fit(model, (x, np.arange(n) % 10), epochs=1, batch_size=n, seed=0, progress=False)
            model(x)
print(json.dumps({f.py_func.__name__: sum(f.stats.cache_misses.values()) for f in functions()}))
"""


@pytest.fixture(scope="module")
def second_process():
    """Warm up (mostly from the cache), then let another process do what people do."""
    first = run("from minicnn.warmup import warmup; print(*warmup())")
    return first, json.loads(run(USUAL.replace("WARM", "")).splitlines()[-1])


def test_the_second_process_compiles_nothing(second_process):
    first, misses = second_process
    assert float(first.split()[2]) > 0
    assert {name: count for name, count in misses.items() if count} == {}
