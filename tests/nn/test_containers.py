"""Sequential and Residual."""

import numpy as np
import pytest

from minicnn import nn


@pytest.fixture
def model():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False, seed=0),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Residual(
            nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1, seed=1), nn.BatchNorm2d(6)),
            nn.Sequential(nn.Conv2d(4, 6, 1, stride=2, seed=2)),
        ),
        nn.ReLU(),
        nn.Dropout(0.5, seed=3),
        nn.Flatten(),
        nn.Linear(6 * 4 * 4, 5, seed=4),
    )


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(3, 1, 8, 8)).astype(np.float32)


def test_names_and_their_order(model):
    assert list(model.parameters()) == [
        "0.weight",
        "1.weight",
        "1.bias",
        "3.body.0.weight",
        "3.body.0.bias",
        "3.body.1.weight",
        "3.body.1.bias",
        "3.shortcut.0.weight",
        "3.shortcut.0.bias",
        "7.weight",
        "7.bias",
    ]
    assert list(model.buffers()) == [
        "1.running_mean",
        "1.running_var",
        "3.body.1.running_mean",
        "3.body.1.running_var",
    ]
    assert (
        model.num_parameters
        == sum(p.size for p in model.parameters().values())
        == 36 + 8 + (216 + 6 + 12) + (24 + 6) + (480 + 5)
    )


def test_list_like(model):
    assert len(model) == 8
    assert [type(layer).__name__ for layer in model][:3] == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert model[0] is model["0"] is next(iter(model))
    assert model[-1] is model[7]
    head = model[:3]
    assert isinstance(head, nn.Sequential)
    assert head[0] is model[0]
    head.append(nn.ReLU())
    assert len(head) == 4
    assert len(model) == 8
    for key in (8, "8", "weight"):
        with pytest.raises(IndexError, match="below 8"):
            model[key]


def test_repr(model):
    assert repr(model) == (
        "Sequential(\n"
        "  (0): Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1), padding=1, bias=False)\n"
        "  (1): BatchNorm2d(4, eps=1e-05, momentum=0.1)\n"
        "  (2): ReLU()\n"
        "  (3): Residual(\n"
        "    (body): Sequential(\n"
        "      (0): Conv2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=1)\n"
        "      (1): BatchNorm2d(6, eps=1e-05, momentum=0.1)\n"
        "    )\n"
        "    (shortcut): Sequential(\n"
        "      (0): Conv2d(4, 6, kernel_size=(1, 1), stride=(2, 2))\n"
        "    )\n"
        "  )\n"
        "  (4): ReLU()\n"
        "  (5): Dropout(p=0.5)\n"
        "  (6): Flatten()\n"
        "  (7): Linear(in_features=96, out_features=5, bias=True)\n"
        ")"
    )
    assert repr(nn.Sequential()) == "Sequential()"
    assert repr(nn.ConvTranspose2d(2, 4, 3, stride=2, output_padding=1, seed=0)) == (
        "ConvTranspose2d(2, 4, kernel_size=(3, 3), stride=(2, 2), output_padding=(1, 1))"
    )


def test_shapes_and_cost(model):
    assert model.out_shape((1, 8, 8)) == (5,)
    expected = 64 * 36 + 4 * 64 + (16 * 216 + 6 * 16) + 16 * 24 + 480
    assert model.cost((1, 8, 8)) == {"macs": expected, "params": model.num_parameters}


def test_copy_is_independent(model, x):
    twin = model.copy()
    before = model(x)
    twin.forward(x, training=True)
    for p in twin.parameters().values():
        p.data += 1
    for b in twin.buffers().values():
        b += 1
    twin["3"].body.append(nn.ReLU())
    np.testing.assert_array_equal(model(x), before)
    # Dropout generators are copied, not shared: both draw the same numbers.
    fresh = model.copy()
    np.testing.assert_array_equal(fresh.forward(x, True), model.forward(x, True))


def test_astype(model, x):
    double = model.astype(np.float64)
    assert double.dtype == np.float64
    assert model.dtype == np.float32
    assert all(b.dtype == np.float64 for b in double.buffers().values())
    np.testing.assert_allclose(double(x.astype(np.float64)), model(x), rtol=1e-4, atol=1e-5)
    back = double.astype(np.float32)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(back.state_dict()[name], array)
    with pytest.raises(TypeError, match="float16"):
        model.astype(np.float16)


def test_freeze_by_prefix(model):
    model.freeze("0", "3.body")
    frozen = [name for name, p in model.parameters().items() if not p.trainable]
    assert [name.rsplit(".", 1)[0] for name in frozen] == [
        "0",
        *["3.body.0"] * 2,
        *["3.body.1"] * 2,
    ]
    model.unfreeze("3")
    assert [name for name, p in model.parameters().items() if not p.trainable] == ["0.weight"]
    model.freeze()
    assert not any(p.trainable for p in model.parameters().values())
    with pytest.raises(ValueError, match=r"no parameter lies under '2'"):
        model.freeze("2")


def test_backward_parameters_stops_at_the_first_layer_that_learns(model, x):
    model.freeze("0", "1")
    y = model.forward(x, training=True)
    model.backward_parameters(np.ones_like(y))
    grads = {name: p.grad for name, p in model.parameters().items()}
    assert [name for name, grad in grads.items() if grad is None] == [
        "0.weight",
        "1.weight",
        "1.bias",
    ]
    assert all(layer._saved is None for _, layer in model.named_layers())


def test_backward_parameters_with_nothing_to_learn(model, x):
    model.freeze()
    y = model.forward(x, training=True)
    model.backward_parameters(np.ones_like(y))
    assert all(p.grad is None for p in model.parameters().values())
    assert all(layer._saved is None for _, layer in model.named_layers())


def test_an_error_names_the_layer(model, x):
    with pytest.raises(ValueError) as caught:
        model(x[..., :4])
    assert "layer 7 of the Sequential, Linear" in caught.value.__notes__[0]
    with pytest.raises(ValueError) as caught:
        model.out_shape((1, 8, 9))
    assert "layer 7 of the Sequential, Linear" in caught.value.__notes__[0]


def test_residual_of_identity(x):
    block = nn.Residual(nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, seed=0)))
    np.testing.assert_allclose(block(x), block.body(x) + x)
    assert block.out_shape((1, 8, 8)) == (1, 8, 8)


def test_residual_with_unequal_branches(x):
    block = nn.Residual(nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, seed=0)))
    with pytest.raises(ValueError, match=r"body gives \(2, 8, 8\) and the shortcut \(1, 8, 8\)"):
        block(x)
    with pytest.raises(ValueError, match="strided 1x1 convolution"):
        block.out_shape((1, 8, 8))
