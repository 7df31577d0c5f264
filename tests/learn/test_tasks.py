"""Every task: right answers pass, blanks fail, each classic mistake fails with its own message."""

import numpy as np
import pytest

from minicnn.learn import Status, all_tasks, get_task, grade
from minicnn.learn.strategies import draw_cases
from minicnn.learn.tasks import TOPICS, topic_tasks

TASKS = all_tasks()
ORACLES = [task for task in TASKS if task.oracle]
MISTAKES = [(task, mistake) for task in TASKS for mistake in task.mistakes]


def ids(value):
    return getattr(value, "name", None)


@pytest.mark.parametrize(("task", "mistake"), MISTAKES, ids=ids)
def test_a_classic_mistake_fails_and_is_named(task, mistake):
    report = grade(task, mistake.function, trusted=True)
    assert not report.ok
    assert report.mistake == mistake.name
    assert mistake.message in report.message
    assert mistake.message in repr(report)
    assert report.example is not None


@pytest.mark.parametrize("task", TASKS, ids=ids)
def test_every_task_has_messages_and_hints_of_its_own(task):
    messages = [mistake.message for mistake in task.mistakes]
    assert len(set(messages)) == len(messages) >= 3
    assert len(set(task.hints)) == 3
    assert task.hints[0].endswith("?")
    assert (task.oracle is None) != (task.judge is None)
    assert get_task(task.name) is task
    assert task.topic in TOPICS


@pytest.mark.parametrize("task", ORACLES, ids=ids)
def test_the_oracle_passes(task):
    report = grade(task, task.oracle, seed=1, trusted=True)
    assert report.ok
    assert report.passed == report.total > 20


def raises(*_):
    raise NotImplementedError


@pytest.mark.parametrize("blank", [None, ..., raises, lambda *_: None, lambda *_: ...])
@pytest.mark.parametrize("task", TASKS, ids=ids)
def test_a_blank_is_not_started(task, blank):
    report = grade(task, blank)
    assert report.status is Status.NOT_STARTED
    assert report.passed == 0


@pytest.mark.parametrize("task", ORACLES, ids=ids)
def test_answers_learned_by_heart_fail(task):
    known = {repr(case): task.oracle(**case) for case in draw_cases(task.cases, 100, 0)[:10]}
    names = list(draw_cases(task.cases, 1, 0)[0])
    default = next(iter(known.values()))

    def by_heart(*values):
        return known.get(repr(dict(zip(names, values, strict=True))), default)

    assert not grade(task, by_heart).ok


@pytest.mark.parametrize("topic", TOPICS)
def test_tasks_of_a_topic_are_named_after_it(topic):
    tasks = topic_tasks(topic)
    assert len({task.name for task in tasks}) == len(tasks)
    assert all(task.topic == topic for task in tasks)


def test_the_best_stack_of_the_board_is_the_best():
    board = get_task("one_layer.cheapest_stack").board
    cheapest = {1: 0}  # a layer of k taps can widen the view by a factor of k at most
    for size in range(2, 65):
        cheapest[size] = min(k * k + cheapest[-(-size // k)] for k in range(2, size + 1))
    assert board.best == sum(cheapest.values())


def test_the_oracles_agree_with_scipy():
    signal = pytest.importorskip("scipy.signal")
    case = draw_cases(get_task("one_layer.conv2d_single").cases, 30, 5)[-1]
    ours = get_task("one_layer.conv2d_single").oracle(**case)
    assert np.allclose(ours, signal.correlate2d(case["x"], case["w"], "valid"))


def test_the_gradients_agree_with_finite_differences():
    conv2d = get_task("one_layer.conv2d").oracle
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(2, 2, 5, 4)), rng.normal(size=(3, 2, 3, 2)), np.zeros(3)
    dy = rng.normal(size=conv2d(x, w, b, 2, 1).shape)

    def slope(array, place):
        up, down = array.copy(), array.copy()
        up[place] += 1e-6
        down[place] -= 1e-6
        ends = [conv2d(a, w, b, 2, 1) if array is x else conv2d(x, a, b, 2, 1) for a in (up, down)]
        return np.sum((ends[0] - ends[1]) * dy) / 2e-6

    dx = get_task("one_layer.grad_input").oracle(dy, w, x.shape, 2, 1)
    dw = get_task("one_layer.grad_weight").oracle(dy, x, w.shape, 2, 1)
    for array, gradient in ((x, dx), (w, dw)):
        for place in list(np.ndindex(array.shape))[::7]:
            assert np.isclose(gradient[place], slope(array, place), atol=1e-6)
