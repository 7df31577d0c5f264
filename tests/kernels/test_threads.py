import multiprocessing
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from oracles import normal
from threadpoolctl import threadpool_info

from minicnn import ops
from minicnn.kernels import im2col, team, threads
from minicnn.ops import norm, pool


@pytest.fixture(autouse=True)
def _restore_threads():
    before = threads.num_threads()
    yield
    threads.set_num_threads(before)


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def every_threaded_operation():
    x, w = normal(0, 24, 6, 14, 14, dtype=np.float32), normal(1, 8, 6, 3, 3, dtype=np.float32)
    gamma = normal(2, 8, dtype=np.float32)
    conv = ops.conv2d(x, w, padding=1)
    normed, cache = ops.batch_norm2d(conv, gamma, gamma)
    pooled = ops.max_pool2d(normed, 3, stride=2)
    flat = ops.flatten(pooled)
    w_flat = normal(3, 200, flat.shape[1], dtype=np.float32)
    y = ops.linear(flat, w_flat)
    dflat, dw_flat, _ = ops.linear_backward(y, flat, w_flat)
    dnormed = ops.max_pool2d_backward(dflat.reshape(pooled.shape), normed, 3, stride=2)
    dconv, dgamma, dbeta = ops.batch_norm2d_backward(dnormed, gamma, cache)
    gradients = ops.conv2d_backward(dconv, x, w, padding=1)
    averages = ops.avg_pool2d(x, 2), ops.avg_pool2d_backward(x[..., :7, :7], x.shape, 2)
    inference = ops.batch_norm2d_inference(conv, gamma, gamma, gamma, gamma**2)
    return [conv, normed, pooled, y, dw_flat, dgamma, dbeta, *gradients, *averages, inference]


@pytest.mark.parametrize("count", [2, 3])
def test_the_number_of_threads_changes_no_bit(count, monkeypatch):
    for module, name in ((im2col, "COLUMN_BYTES"), (pool, "BLOCK_BYTES"), (norm, "BLOCK_BYTES")):
        monkeypatch.setattr(module, name, 50_000)
    threads.set_num_threads(1)
    alone = every_threaded_operation()
    threads.set_num_threads(count)
    for a, b in zip(alone, every_threaded_operation(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_results_come_in_the_order_of_the_blocks():
    threads.set_num_threads(3)

    def slow_first(i):
        time.sleep(0.02 if i == 0 else 0)
        return i * i

    assert threads.in_threads(slow_first, range(7)) == [i * i for i in range(7)]
    assert threads.in_threads(slow_first, []) == []


def test_blocks_really_run_side_by_side():
    threads.set_num_threads(2)
    meeting = threading.Barrier(2, timeout=30)
    threads.in_threads(lambda _: meeting.wait(), range(2))  # alone, the first would wait for ever


@pytest.mark.parametrize("count", [1, 2])
def test_errors_come_through_and_leave_everything_usable(count):
    threads.set_num_threads(count)
    before = blas_threads()

    def fail(i):
        raise ZeroDivisionError(f"block {i}")

    with pytest.raises(ZeroDivisionError):
        threads.in_threads(fail, range(4))
    assert blas_threads() == before
    assert threads.in_threads(abs, [-1, -2]) == [1, 2]


def test_an_interrupted_wait_leaves_the_team_usable():
    threads.set_num_threads(2)
    meeting = threading.Barrier(2, timeout=30)
    caller = threading.get_ident()

    def interrupted(_):
        meeting.wait()
        if threading.get_ident() == caller:
            raise KeyboardInterrupt
        time.sleep(0.02)

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            threads.in_threads(interrupted, range(2))
        assert threads.in_threads(abs, [-1, -2, -3]) == [1, 2, 3]


def test_a_worker_interrupted_while_waited_for_goes_home(monkeypatch):
    crew = team.Team(2)
    workers = crew.start(lambda: time.sleep(0.02), 1)
    monkeypatch.setattr(workers[0].done, "wait", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        crew.finish(workers)
    workers[0].join(timeout=30)
    assert not workers[0].is_alive()
    done = []
    crew.finish(crew.start(lambda: done.append(1), 1))  # with a new one
    assert done == [1]


def _interrupt():
    raise KeyboardInterrupt


def test_blocks_may_have_blocks():
    threads.set_num_threads(2)

    def row(i):
        return threads.in_threads(lambda j: i * j, range(3))

    assert threads.in_threads(row, range(3)) == [[0, 0, 0], [0, 1, 2], [0, 2, 4]]


def test_a_team_wakes_up_however_long_it_slept():
    threads.set_num_threads(3)
    for i in range(300):
        assert threads.in_threads(abs, range(4)) == [0, 1, 2, 3]
        time.sleep(0.0002 if i % 3 else 0)


def test_blas_keeps_to_one_thread_only_meanwhile():
    before = blas_threads()
    seen = threads.in_threads(lambda _: blas_threads(), range(2))
    assert all(count == 1 for counts in seen for count in counts)
    assert blas_threads() == before


def test_many_callers_at_once():
    x, w = normal(0, 8, 3, 8, 8), normal(1, 4, 3, 3, 3)
    expected, before = ops.conv2d(x, w), blas_threads()
    results = [None] * 6

    def call(i):
        results[i] = ops.conv2d(x, w)

    callers = [threading.Thread(target=call, args=(i,)) for i in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for y in results:
        np.testing.assert_array_equal(y, expected)
    assert blas_threads() == before


def _convolve(queue):
    queue.put(float(ops.conv2d(np.ones((64, 8, 16, 16)), np.ones((4, 8, 3, 3))).sum()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    threads.set_num_threads(2)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    _convolve(queue)
    expected = queue.get(timeout=60)
    child = context.Process(target=_convolve, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == expected
    child.join(timeout=60)
    assert child.exitcode == 0


def test_set_num_threads_refuses_none():
    with pytest.raises(ValueError, match=r"count is 0.*at least 1.*Use 1"):
        threads.set_num_threads(0)


def test_the_environment_sets_the_number_of_threads():
    code = "from minicnn.kernels import threads; print(threads.num_threads())"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MINICNN_NUM_THREADS": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "7"


def test_errstate_reaches_the_other_threads():
    threads.set_num_threads(2)
    meeting = threading.Barrier(2, timeout=30)

    def overflow(_):
        meeting.wait()
        return np.float32(3e38) * np.float32(10)

    with np.errstate(over="ignore"):  # pytest turns the warning into an error otherwise
        assert all(np.isinf(value) for value in threads.in_threads(overflow, range(2)))


def test_a_silly_number_of_threads_in_the_environment_is_named():
    done = subprocess.run(
        [sys.executable, "-c", "import minicnn.kernels.threads"],
        env={**os.environ, "MINICNN_NUM_THREADS": "many"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "MINICNN_NUM_THREADS is 'many'; expected a whole number" in done.stderr
