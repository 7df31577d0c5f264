"""Optimisers against their formulas number by number, and against PyTorch where there is one."""

import copy
import math

import numpy as np
import pytest

from minicnn import optim
from minicnn.kernels import elementwise
from minicnn.nn import Parameter

STEPS = 12


def sgd(w, gradients, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    v = 0.0
    for g in gradients:
        g = g + weight_decay * w
        v = momentum * v + g
        w = w - lr * (g + momentum * v if nesterov else v)
    return w


def adagrad(w, gradients, lr=1e-2, eps=1e-10, weight_decay=0.0):
    s = 0.0
    for g in gradients:
        g = g + weight_decay * w
        s = s + g**2
        w = w - lr * g / (math.sqrt(s) + eps)
    return w


def rmsprop(w, gradients, lr=1e-2, alpha=0.99, eps=1e-8, momentum=0.0, weight_decay=0.0):
    s, v = 0.0, 0.0
    for g in gradients:
        g = g + weight_decay * w
        s = alpha * s + (1 - alpha) * g**2
        v = momentum * v + g / (math.sqrt(s) + eps)
        w = w - lr * v
    return w


def adam(w, gradients, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    m, s = 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        if decoupled:
            w = w - lr * weight_decay * w
        else:
            g = g + weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        s = betas[1] * s + (1 - betas[1]) * g**2
        m_hat, s_hat = m / (1 - betas[0] ** t), s / (1 - betas[1] ** t)
        w = w - lr * m_hat / (math.sqrt(s_hat) + eps)
    return w


def adamw(w, gradients, weight_decay=1e-2, **how):
    return adam(w, gradients, weight_decay=weight_decay, decoupled=True, **how)


CASES = [
    (optim.SGD, sgd, "SGD", {"lr": 0.1}),
    (optim.SGD, sgd, "SGD", {"lr": 0.1, "weight_decay": 0.05}),
    (optim.SGD, sgd, "SGD", {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, sgd, "SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01}),
    (optim.AdaGrad, adagrad, "Adagrad", {}),
    (optim.AdaGrad, adagrad, "Adagrad", {"lr": 0.3, "weight_decay": 0.1}),
    (optim.RMSProp, rmsprop, "RMSprop", {}),
    (optim.RMSProp, rmsprop, "RMSprop", {"alpha": 0.9, "momentum": 0.7, "weight_decay": 0.1}),
    (optim.Adam, adam, "Adam", {}),
    (optim.Adam, adam, "Adam", {"lr": 0.05, "betas": (0.8, 0.95), "weight_decay": 0.1}),
    (optim.AdamW, adamw, "AdamW", {}),
    (optim.AdamW, adamw, "AdamW", {"lr": 0.05, "weight_decay": 0.3, "eps": 1e-4}),
]


def problem():
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 3)), rng.normal(size=(STEPS, 2, 3))


def run(optimizer, w, gradients, dtype):
    p = Parameter(w.astype(dtype))
    for g in gradients:
        p.zero_grad()
        p.add_grad(g.astype(dtype))
        optimizer.step({"p": p})
    return p.data


@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_against_the_formula(case, dtype):
    kind, formula, _, how = CASES[case]
    w, gradients = problem()
    expected = [formula(w[i], [float(g[i]) for g in gradients], **how) for i in np.ndindex(w.shape)]
    before = gradients.copy()
    found = run(kind(**how), w, gradients, dtype)
    assert found.dtype == dtype
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(found.ravel(), expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(gradients, before)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_against_pytorch(case):
    torch = pytest.importorskip("torch")
    kind, _, name, how = CASES[case]
    w, gradients = problem()
    p = torch.nn.Parameter(torch.tensor(w))
    optimizer = getattr(torch.optim, name)([p], **how)
    for g in gradients:
        p.grad = torch.tensor(g)
        optimizer.step()
    found = run(kind(**how), w, gradients, np.float64)
    np.testing.assert_allclose(found, p.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_state_goes_on_where_it_was(case):
    kind, _, _, how = CASES[case]
    w, gradients = problem()
    expected = run(kind(**how), w, gradients, np.float32)
    first = kind(**how)
    half = run(first, w, gradients[:5], np.float32)
    second = kind(**how)
    second.load_state_dict(first.state_dict())
    assert second.steps == 5
    np.testing.assert_array_equal(run(second, half, gradients[5:], np.float32), expected)


def test_frozen_and_unused_parameters_are_left_alone():
    used, frozen, unused = (Parameter(np.ones(2)) for _ in range(3))
    used.add_grad(np.ones(2))
    frozen.add_grad(np.ones(2))
    frozen.trainable = False
    optimizer = optim.AdamW(lr=0.1)
    optimizer.step({"used": used, "frozen": frozen, "unused": unused})
    assert (used.data != 1).all()
    assert (frozen.data == 1).all()
    assert (unused.data == 1).all()
    assert list(optimizer.state) == ["used"]


def test_a_late_parameter_gets_its_own_bias_correction():
    early, late = Parameter(np.zeros(1)), Parameter(np.zeros(1))
    optimizer = optim.Adam(lr=0.1)
    early.add_grad(np.ones(1))
    optimizer.step({"early": early, "late": late})
    late.add_grad(np.ones(1))
    optimizer.step({"early": early, "late": late})
    np.testing.assert_allclose(late.data, -0.1)


def test_state_of_another_optimizer_or_shape():
    w, gradients = problem()
    other = optim.SGD(0.1, momentum=0.9)
    run(other, w, gradients, np.float64)
    with pytest.raises(ValueError, match="optimizer that it came from"):
        optim.Adam().load_state_dict(other.state_dict())
    with pytest.raises(ValueError, match='no "steps"'):
        optim.Adam().load_state_dict({})
    p = Parameter(np.ones(5))
    p.add_grad(np.ones(5))
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        other.step({"p": p})


BAD = [
    (lambda: optim.SGD(0.0), "lr is 0.0"),
    (lambda: optim.SGD(math.inf), "lr is inf"),
    (lambda: optim.SGD(0.1, momentum=1.0), "momentum is 1.0"),
    (lambda: optim.SGD(0.1, nesterov=True), "nesterov=True with momentum=0"),
    (lambda: optim.SGD(0.1, weight_decay=-1.0), "weight_decay is -1.0"),
    (lambda: optim.Adam(betas=(0.9, 1.0)), r"betas\[1\] is 1.0"),
    (lambda: optim.Adam(eps=-1.0), "eps is -1.0"),
    (lambda: optim.RMSProp(alpha=2.0), "alpha is 2.0"),
    (lambda: optim.Constant(-1.0), "lr is -1.0"),
    (lambda: optim.StepDecay(0.1, every=0), "every is 0"),
    (lambda: optim.Cosine(0.1, steps=5, warmup=5), "steps is 5"),
    (lambda: optim.Cosine(0.1, steps=5, final=0.2), "final is 0.2"),
    (lambda: optim.Warmup(0.1, steps=0), "steps is 0"),
    (lambda: optim.clip_grad_norm({}, 0.0), "max_norm is 0.0"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_refusals(case):
    build, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        build()


def rates(schedule, n):
    return [schedule(step) for step in range(n)]


def test_schedules():
    assert rates(optim.Constant(0.5), 3) == [0.5] * 3
    np.testing.assert_allclose(
        rates(optim.StepDecay(1.0, every=2, factor=0.1), 6), [1, 1, 0.1, 0.1, 0.01, 0.01]
    )
    half = math.sqrt(0.5) / 2
    np.testing.assert_allclose(
        rates(optim.Cosine(1.0, steps=4), 6), [1, 0.5 + half, 0.5, 0.5 - half, 0, 0], atol=1e-15
    )
    np.testing.assert_allclose(
        rates(optim.Cosine(1.0, steps=6, warmup=2, final=0.2), 8),
        [0.5, 1.0, 1.0, 0.6 + 0.8 * half, 0.6, 0.6 - 0.8 * half, 0.2, 0.2],
    )
    np.testing.assert_allclose(rates(optim.Warmup(0.8, steps=4), 6), [0.2, 0.4, 0.6, 0.8, 0.8, 0.8])
    np.testing.assert_allclose(
        rates(optim.Warmup(optim.StepDecay(1.0, every=1, factor=0.5), steps=2), 5),
        [0.5, 1.0, 1.0, 0.5, 0.25],
    )


def test_cosine_against_pytorch():
    torch = pytest.importorskip("torch")
    p = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([p], lr=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10, eta_min=0.01)
    expected = []
    for _ in range(10):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    np.testing.assert_allclose(rates(optim.Cosine(0.3, 10, final=0.01), 10), expected)


def test_an_optimizer_follows_its_schedule():
    p = Parameter(np.zeros(1))
    optimizer = optim.SGD(lr=optim.StepDecay(1.0, every=1, factor=0.5))
    seen = []
    for _ in range(3):
        p.zero_grad()
        p.add_grad(np.ones(1))
        seen.append(optimizer.current_lr)
        optimizer.step({"p": p})
    assert seen == [1.0, 0.5, 0.25]
    assert p.data == -1.75
    assert repr(optimizer) == (
        "SGD(lr=StepDecay(lr=1.0, every=1, factor=0.5), weight_decay=0.0, momentum=0.0, "
        "nesterov=False)"
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipping(dtype):
    parameters = {name: Parameter(np.zeros(2, dtype)) for name in ("a", "b", "c")}
    parameters["a"].add_grad(np.array([3, 0], dtype))
    parameters["b"].add_grad(np.array([0, 4], dtype))
    assert optim.clip_grad_norm(parameters, 10.0) == 5.0
    assert parameters["a"].grad.tolist() == [3, 0]
    assert optim.clip_grad_norm(parameters, 1.0) == 5.0
    np.testing.assert_allclose(parameters["a"].grad, [0.6, 0], rtol=1e-6)
    np.testing.assert_allclose(parameters["b"].grad, [0, 0.8], rtol=1e-6)
    assert parameters["a"].grad.dtype == dtype
    assert parameters["c"].grad is None
    parameters["c"].add_grad(np.array([np.inf, 1], dtype))
    assert optim.clip_grad_norm(parameters, 1.0) == np.inf
    np.testing.assert_allclose(parameters["b"].grad, [0, 0.8], rtol=1e-6)


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.SGD(0.1),
        optim.SGD(0.1, 0.9, nesterov=True),
        optim.AdaGrad(),
        optim.RMSProp(0.1, momentum=0.5),
        optim.Adam(),
        optim.AdamW(),
    ],
)
def test_layout_and_pieces_do_not_matter(optimizer, monkeypatch):
    rng = np.random.default_rng(0)
    values, gradient = rng.normal(size=(6, 7)), rng.normal(size=(6, 7))
    gradient.flags.writeable = False
    plain, odd = Parameter(values), Parameter(values)
    odd.data = np.asfortranarray(values)
    twin = copy.deepcopy(optimizer)
    for _ in range(3):
        plain.grad = gradient
        optimizer.step({"w": plain})
    monkeypatch.setattr(elementwise, "BLOCK", 5)
    for _ in range(3):
        odd.grad = np.asfortranarray(gradient)
        twin.step({"w": odd})
    np.testing.assert_array_equal(odd.data, plain.data)
    assert (plain.data != values).all()
