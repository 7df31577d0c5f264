"""What starting costs: the import, the first call after installing, and the second process.

    python benchmarks/start_up.py         # two minutes; writes results/start_up.json

Every time is that of a new Python process. "First" means that Numba's cache is empty, as after an
installation: what is called is compiled, and nothing else. The process after it finds all that in
the cache. `minicnn warmup` compiles everything at one go. Importing is given beside Python's own
start and the imports of other libraries.
"""

from __future__ import annotations

import _peers

_chosen = _peers.settings(_peers.parser(__doc__), None if __name__ == "__main__" else [])

import json  # noqa: E402
import os  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from typing import Any  # noqa: E402

from _report import environment, write_json  # noqa: E402

BAR_IMPORT, BAR_CALL = 0.3, 30e-6

FIRST = """
import json, time
start = time.perf_counter()
import numpy as np
import minicnn as mc
x, w = np.ones((8, 64, 56, 56), np.float32), np.ones((64, 64, 3, 3), np.float32)
loaded = time.perf_counter()
mc.ops.conv2d(x, w, padding=1)
called = time.perf_counter()
from minicnn.warmup import functions
stats = [f.stats for f in functions()]
print(json.dumps({
    "first call": called - loaded,
    "all": called - start,
    "compiled": sum(sum(s.cache_misses.values()) for s in stats),
    "found": sum(sum(s.cache_hits.values()) for s in stats),
}))
"""
TRAIN = """
import json, time
start = time.perf_counter()
import numpy as np
import minicnn as mc
model = mc.models.lenet5()
x, labels = np.ones((64, 1, 28, 28), np.float32), np.arange(64) % 10
logits = model.forward(x, training=True)
model.backward_parameters(mc.ops.softmax_cross_entropy_backward(logits, labels))
mc.optim.Adam(1e-3).step(model.parameters())
called = time.perf_counter()
from minicnn.warmup import functions
stats = [f.stats for f in functions()]
print(json.dumps({
    "all": called - start,
    "compiled": sum(sum(s.cache_misses.values()) for s in stats),
    "found": sum(sum(s.cache_hits.values()) for s in stats),
}))
"""
WARM = """
import json
from minicnn.warmup import warmup
print(json.dumps(warmup()._asdict()))
"""
SMALL = """
import json, time, numpy as np, minicnn as mc
x, w = np.ones((1, 1, 8, 8), np.float32), np.ones((1, 1, 3, 3), np.float32)
best = []
for _ in range(20):
    start = time.perf_counter()
    for _ in range(500):
        mc.ops.conv2d(x, w)
    best.append((time.perf_counter() - start) / 500)
print(json.dumps({"call": sorted(best)[10]}))
"""


def process(code: str, cache: str | None = None) -> tuple[float, Any]:
    """Run code in a new process; its wall time, and what it printed as JSON."""
    setting = dict(os.environ) if cache is None else os.environ | {"NUMBA_CACHE_DIR": cache}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], env=setting, capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - start
    return seconds, json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None


def imports(rounds: int) -> dict[str, float]:
    """Return the wall time of a process that imports one library, medians, all in turns."""
    codes = {"python alone": "pass", "minicnn": "import minicnn", "numpy": "import numpy"}
    codes |= {"numba": "import numba"}
    if _peers.HAVE_TORCH:
        codes["torch"] = "import torch"
    if _peers.HAVE_ONNX:
        codes["onnxruntime"] = "import onnxruntime"
    times: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(rounds + 1):  # the first round reads from disk, and does not count
        for name, code in codes.items():
            times[name].append(process(code)[0])
    return {name: statistics.median(seconds[1:]) for name, seconds in times.items()}


def main() -> None:
    """Measure, print and write."""
    seconds = imports(rounds=3 if _chosen.quick else 9)
    own = seconds["minicnn"] - seconds["python alone"]
    for name, value in seconds.items():
        print(f"{'process: ' + name:<36}{value:9.3f} s")
    print(f"{'import minicnn, without Python':<36}{own:9.3f} s   bar {BAR_IMPORT} s")
    firsts = {}
    for name, code in (("one convolution", FIRST), ("a training step of LeNet-5", TRAIN)):
        with tempfile.TemporaryDirectory() as cache:
            firsts[name] = [process(code, cache)[1], process(code, cache)[1]]
        for which, found in zip(("first process", "second process"), firsts[name], strict=True):
            what = f"{name}, {which}"
            print(f"{what:<46}{found['all']:9.2f} s, {found['compiled']} functions compiled")
    with tempfile.TemporaryDirectory() as cache:
        warm = [process(WARM, cache)[1], process(WARM, cache)[1]]
    for which, found in zip(("first", "second"), warm, strict=True):
        print(
            f"{'minicnn warmup, ' + which:<36}{found['seconds']:9.2f} s, "
            f"{found['compiled']} functions compiled"
        )
    small = process(SMALL)[1]["call"]
    print(f"{'one conv2d call on 1x1x8x8':<36}{1e6 * small:9.1f} us  bar {1e6 * BAR_CALL:.0f} us")
    if _chosen.quick or _chosen.only:
        return
    where = environment() | {"threads": _chosen.threads} | _peers.versions()
    result = {
        "environment": where,
        "process_seconds": seconds,
        "import_seconds": own,
        "import_bar": BAR_IMPORT,
        "first_use": firsts,
        "warmup": warm,
        "small_call_seconds": small,
        "small_call_bar": BAR_CALL,
    }
    print(f"written to {write_json('start_up', result).name}")


if __name__ == "__main__":
    main()
