"""The tasks on trimming against the engine, and against trying everything."""

from itertools import pairwise, product

import numpy as np
import pytest

from minicnn import compress, cost, nn
from minicnn.compress.channels import groups_of
from minicnn.learn import get_task
from minicnn.learn.strategies import draw_cases
from minicnn.learn.tasks.trimming import challenge, counting, groups, referee, removing


def cases(name, count=40):
    return draw_cases(get_task(f"trimming.{name}").cases, count, 3)


def test_macs_are_those_of_the_summary():
    for case in cases("trimmed_macs"):
        k, pixels = case["k"], case["pixels"]
        lists = case["channels"], counting._left(case["channels"], case["removed"])
        for widths, found in zip(lists, counting._both(**case), strict=True):
            pairs = pairwise(widths)
            layers = [nn.Conv2d(a, b, k, padding="same", bias=False, seed=0) for a, b in pairs]
            model = nn.Sequential(*layers)
            assert found == cost.summary(model, (widths[0], 1, pixels)).macs


def test_columns_are_those_that_trim_keeps():
    for case in cases("trim_after_flatten"):
        w, channels, keep = case["w"], case["channels"], case["keep"]
        out, features = w.shape
        model = nn.Sequential(
            nn.Conv2d(1, channels, 1, seed=0, dtype=np.float64),
            nn.Flatten(),
            nn.Linear(features, out, seed=1, dtype=np.float64),
        )
        model[2].weight.data[:] = w
        compress.channels.keep_only(groups_of(model)[0], np.array(keep))
        assert np.array_equal(model[2].weight.data, removing._columns(**case))


def test_ranking_is_that_of_the_folded_filters():
    for case in cases("channels_to_keep"):
        w, scale, count = case["w"], case["scale"], case["count"]
        model = nn.Sequential(
            nn.Conv2d(w.shape[1], len(w), w.shape[2], bias=False, seed=0, dtype=np.float64),
            nn.Conv2d(len(w), 1, 1, seed=0, dtype=np.float64),
        )
        model[0].weight.data[:] = w * scale[:, None, None, None]
        small, _ = compress.trim(model, channels=count / len(w))
        keep = list(removing._keep(**case))
        assert np.array_equal(small[0].weight.data, model[0].weight.data[keep])


def test_groups_are_those_of_a_network():
    body = nn.Sequential(nn.Conv2d(2, 3, 1, seed=0), nn.Conv2d(3, 2, 1, seed=1))
    model = nn.Sequential(
        nn.Conv2d(1, 2, 1, seed=0),  # layer 0; 1 and 2 in the body
        nn.Residual(body),
        nn.Conv2d(2, 4, 1, seed=2),  # layer 3
    )
    assert groups._together(4, [(2, 0)]) == (0, 1, 0, 3)
    assert len(groups_of(model)) == 3


def test_the_living_are_those_of_remove_dead():
    for case in cases("still_alive"):
        masks = [np.array(mask, float) for mask in case["masks"]]
        layers = [
            nn.Linear(*mask.shape[::-1], bias=False, seed=0, dtype=np.float64) for mask in masks
        ]
        for layer, mask in zip(layers, masks, strict=True):
            layer.weight.data[:] = mask
        small, _ = compress.remove_dead(nn.Sequential(*layers))
        left = [layer.out_features for layer in list(small)[:-1]]
        assert left == [max(1, alive) for alive in groups._alive(case["masks"])]


def test_the_best_widths_by_trying_all():
    for case in cases("widths"):
        worth, pixels, budget = case["worth"], case["pixels"], case["budget"]
        ways = product(*(range(1, len(values) + 1) for values in worth))
        values = [
            challenge._value(list(kept), worth)
            for kept in ways
            if challenge._work(list(kept), pixels) <= budget
        ]
        assert max(values) == challenge._best(worth, pixels, budget)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("12", "whole numbers"),
        ([1], "2 layers"),
        ([0, 1], "1 to 2"),
        ([2, 2], "the budget is 5"),
        ([1, 1], "would fit"),
    ],
)
def test_the_judge_says_what_is_wrong(answer, message):
    case = {"worth": [[9, 9], [3, 1]], "pixels": [1, 1, 1], "budget": 5}
    assert message in challenge._judge(answer, **case).message
    assert challenge._judge([2, 1], **case).ok


def test_the_referee_keeps_the_rules(monkeypatch):
    monkeypatch.setattr(referee, "SEEDS", (0,))
    monkeypatch.setattr(referee, "start", lambda seed, _: referee.models.small_cnn(seed=seed))
    result = referee.referee(lambda model, _: compress.trim(model, channels=0.5)[0])
    assert not result.allowed
    assert result.flops < 0.4 * cost.summary(referee.models.small_cnn(), (1, 8, 8)).flops
    with pytest.raises(TypeError, match="take the first"):
        referee.referee(lambda model, _: compress.trim(model, channels=0.5))
    with pytest.raises(ValueError, match="a logit for each digit"):
        referee.referee(lambda model, _: model[:-1])
