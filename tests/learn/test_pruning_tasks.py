"""The tasks on pruning against the engine and against trying everything."""

from itertools import product

import numpy as np
import pytest

from minicnn import compress, nn
from minicnn.learn import get_task
from minicnn.learn.strategies import draw_cases
from minicnn.learn.tasks.pruning import challenge, masking, worth


def cases(name, count=60):
    return draw_cases(get_task(f"pruning.{name}").cases, count, 3)


def test_masks_are_those_of_the_pass():
    for case in cases("magnitude_mask"):
        w, sparsity = case["w"], case["sparsity"]
        model = nn.Sequential(nn.Linear(*w.shape[::-1], seed=0, dtype=np.float64))
        model[0].weight.data[:] = w
        pruned, _ = compress.prune(model, sparsity=sparsity)
        assert np.array_equal(pruned[0].weight.data, w * masking._mask(w, sparsity))


def test_the_schedule_is_that_of_the_hook():
    for case in cases("share_after"):
        how = {name: case[name] for name in ("begin", "end", "initial")}
        hook = compress.GradualPruning(case["final"], **how)
        assert masking._share(**case) == pytest.approx(hook.share(case["step"], case["final"]))


def test_the_ticket_is_that_of_rewind():
    for case in cases("ticket", 20):
        first, trained = case["first"], case["trained"]
        models = []
        for values in (first, trained):
            models.append(nn.Sequential(nn.Linear(*first.shape[::-1], seed=0, dtype=np.float64)))
            models[-1][0].weight.data[:] = values
        pruned, _ = compress.prune(models[1], sparsity=case["sparsity"])
        rewound, _ = compress.rewind(pruned, models[0])
        assert np.array_equal(rewound[0].weight.data.ravel(), masking._ticket(**case))


def test_the_worth_of_a_weight_is_taylors():
    for case in cases("removal_cost"):
        first, second = worth._terms(**case)
        assert worth._removal(**case) == pytest.approx(second - first)


def test_the_fewest_weights_by_trying_every_subset():
    for case in cases("sparsest", 30):
        x, y, budget = case.values()
        counts = []
        for chosen in product([False, True], repeat=x.shape[1]):
            w = np.zeros(x.shape[1])
            if any(chosen):
                w[list(chosen)] = np.linalg.pinv(x[:, chosen]) @ y
            if np.mean((x @ w - y) ** 2) <= budget:
                counts.append(sum(chosen))
        assert challenge._fewest(**case) == min(counts)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([1.0, 2.0], "an array of 2 weights"),
        (np.zeros(3), "an array of 2 weights"),
        (np.array([np.nan, 0]), "finite"),
        (np.zeros(2), "the budget is 0.5"),
    ],
)
def test_the_judge_says_what_is_wrong(answer, message):
    x, y = np.eye(2), np.array([1.0, 1.0])
    assert message in challenge._judge(answer, x, y, 0.5).message


def test_the_judge_counts_what_is_too_many():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, 4))
    verdict = challenge._judge(np.array([1, 1e-9, 1e-9, 1e-9]), x, x[:, 0], 0.1)
    assert not verdict.ok
    assert "1 would be enough" in verdict.message
