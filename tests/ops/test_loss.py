import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import normal, numerical_gradient
from scipy import special

from minicnn import ops


def cross_entropy(logits, labels, smoothing):
    """Straight from the definition, with one-hot rows."""
    classes = logits.shape[1]
    wanted = (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    return -(wanted * special.log_softmax(logits, axis=1)).sum(axis=1).mean()


@given(
    N=st.integers(1, 5),
    classes=st.integers(1, 6),
    smoothing=st.sampled_from([0.0, 0.1, 0.5]),
    seed=st.integers(0, 1000),
)
def test_cross_entropy_and_its_gradient(N, classes, smoothing, seed):
    logits = 5 * normal(seed, N, classes)
    labels = np.random.default_rng(seed).integers(0, classes, N)

    def loss(logits):
        return ops.softmax_cross_entropy(logits, labels, label_smoothing=smoothing)

    assert isinstance(loss(logits), float)
    assert np.isclose(loss(logits), cross_entropy(logits, labels, smoothing))
    dlogits = ops.softmax_cross_entropy_backward(logits, labels, label_smoothing=smoothing)
    np.testing.assert_allclose(dlogits, numerical_gradient(loss, logits), atol=1e-7)
    np.testing.assert_allclose(dlogits.sum(axis=1), 0, atol=1e-12)


def test_cross_entropy_is_stable():
    logits = np.array([[1e4, 0, -1e4], [0, 0, 1e4]], np.float32)
    assert ops.softmax_cross_entropy(logits, np.array([0, 2])) == 0.0
    assert ops.softmax_cross_entropy(logits, np.array([2, 2])) == pytest.approx(1e4)
    assert np.isfinite(ops.softmax_cross_entropy_backward(logits, np.array([2, 0]))).all()


def test_cross_entropy_is_pytorch():
    torch = pytest.importorskip("torch")
    logits, labels = normal(0, 6, 4), np.array([0, 3, 1, 1, 2, 0])
    leaf = torch.tensor(logits, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(leaf, torch.tensor(labels), label_smoothing=0.1)
    expected.backward()
    assert np.isclose(
        ops.softmax_cross_entropy(logits, labels, label_smoothing=0.1), expected.item()
    )
    ours = ops.softmax_cross_entropy_backward(logits, labels, label_smoothing=0.1)
    np.testing.assert_allclose(ours, leaf.grad, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_any_integer_labels_will_do(dtype):
    logits, labels = normal(0, 4, 10, dtype=np.float32), np.array([3, 9, 0, 3])
    expected = ops.softmax_cross_entropy_backward(logits, labels)
    ours = ops.softmax_cross_entropy_backward(logits, labels.astype(dtype))
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, expected)


def test_mse_and_its_gradient():
    prediction, target = normal(0, 3, 4), normal(1, 3, 4)
    assert np.isclose(ops.mse(prediction, target), np.mean((prediction - target) ** 2))
    np.testing.assert_allclose(
        ops.mse_backward(prediction, target),
        numerical_gradient(lambda p: ops.mse(p, target), prediction),
        atol=1e-8,
    )
    assert ops.mse_backward(*(a.astype(np.float32) for a in (prediction, target))).dtype == "f4"


LOGITS, LABELS = np.zeros((3, 4)), np.array([0, 1, 3])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 1, 2], TypeError, r"labels are list.*np\.asarray\(labels, np\.int64\)"),
        (np.array([0.0, 1.0, 2.0]), TypeError, "labels are float64.*array of integers"),
        (np.eye(4, dtype=int)[:3], ValueError, r"\(3, 4\).*wants \(3,\).*labels\.argmax\(1\)"),
        (LABELS[:2], ValueError, r"labels have shape \(2,\)"),
        (LABELS + 1, ValueError, "from 1 to 4.*wants 0 to 3.*Count labels from 0"),
        (LABELS - 1, ValueError, "from -1 to 2"),
    ],
)
def test_label_errors_say_how_to_mend(labels, error, message):
    for f in (ops.softmax_cross_entropy, ops.softmax_cross_entropy_backward):
        with pytest.raises(error, match=f"(?s){message}"):
            f(LOGITS, labels)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: ops.softmax_cross_entropy(LOGITS[0], LABELS),
            ValueError,
            r"\(N, classes\).*Use logits\[None\]",
        ),
        (
            lambda: ops.softmax_cross_entropy(LOGITS, LABELS, label_smoothing=10),
            ValueError,
            "label_smoothing is 10.*Divide by 100",
        ),
        (lambda: ops.mse(LOGITS, LOGITS[:2]), ValueError, "target has shape.*shape of prediction"),
        (lambda: ops.mse(LOGITS, LOGITS.astype("f4")), TypeError, "target is float32"),
    ],
)
def test_other_errors_say_how_to_mend(call, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        call()
