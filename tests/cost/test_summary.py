"""Counts of `cost.summary` against numbers worked out by hand."""

import numpy as np
import pytest

from minicnn import cost, models, nn


def test_lenet5_by_hand():
    table = cost.summary(models.lenet5(), (1, 28, 28))
    # A convolution: out channels x (in channels x window + bias), once for each output pixel.
    params = 20 * (1 * 25 + 1) + 50 * (20 * 25 + 1) + 500 * (50 * 16 + 1) + 10 * (500 + 1)
    macs = 20 * 1 * 25 * 24**2 + 50 * 20 * 25 * 8**2 + 800 * 500 + 500 * 10
    outputs = 20 * 24**2 + 20 * 12**2 + 50 * 8**2 + 50 * 4**2 + 500 + 500 + 10
    assert (table.params, table.macs) == (params, macs) == (431_080, 2_293_000)
    assert table.flops == 4_586_000
    assert table.activation_bytes == 4 * outputs  # Flatten is only another view
    assert [row.out_shape for row in table.rows[:5]] == [
        (20, 24, 24), (20, 12, 12), (50, 8, 8), (50, 4, 4), (800,),
    ]  # fmt: skip
    double = cost.summary(models.lenet5(dtype=np.float64), (1, 28, 28))
    assert double.activation_bytes == 2 * table.activation_bytes


def test_the_table_is_aligned():
    text = str(cost.summary(models.lenet5(), (1, 28, 28)))
    lines = text.splitlines()
    assert lines[0].split("  ")[0] == "name"
    assert "431,080" in lines[-1]
    assert "2,293,000" in lines[-1]
    assert len({len(line) for line in lines if "ReLU" not in line and "Flatten" not in line}) == 1
    column = lines[0].index("output shape")
    assert all(line[column] == "(" for line in lines[2:-2])


@pytest.mark.parametrize("name", models.MODELS)
def test_rows_add_up_to_the_model(name):
    in_shape = (1, 28, 28) if name.startswith("lenet") else (3, 32, 32)
    model = models.MODELS[name](in_shape, num_classes=10)
    table = cost.summary(model, in_shape)
    assert table.params == model.num_parameters
    assert table.macs == model.macs(in_shape)
    assert table.rows[-1].out_shape == (10,)


def test_branches_are_indented_and_counted_once():
    body = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1, seed=0), nn.Sequential(nn.ReLU()))
    shortcut = nn.Sequential(nn.Conv2d(2, 3, 1, bias=False, seed=0))
    table = cost.summary(nn.Sequential(nn.Residual(body, shortcut), nn.Dropout(seed=0)), (2, 4, 5))
    assert [(row.name, row.depth) for row in table.rows] == [
        ("0", 0),
        ("0.body.0", 1),
        ("0.body.1", 1),
        ("0.body.1.0", 2),
        ("0.shortcut.0", 1),
        ("1", 0),
    ]
    assert table.params == 3 * (2 * 9 + 1) + 3 * 2
    assert table.macs == (3 * 2 * 9 + 3 * 2) * 20
    assert [row.activation_bytes for row in table.rows] == [240, 240, 0, 240, 240, 0]
    assert "\n    0.body.1.0  ReLU" in str(table)


def test_html_escapes_and_has_every_row():
    html = cost.summary(models.small_cnn(), (1, 8, 8))._repr_html_()
    assert html.count("<tr>") == 2 + 7
    assert "<td" in html
    assert "9,930" in html


def test_one_layer_and_errors():
    assert cost.summary(nn.Linear(3, 2, seed=0), (3,)).macs == 6
    for in_shape in ((), (1, 0, 3)):
        with pytest.raises(ValueError, match="without the batch axis"):
            cost.summary(models.small_cnn(), in_shape)
    with pytest.raises(ValueError, match=r"wants \(1, H, W\)"):
        cost.summary(models.small_cnn(), (3, 8, 8))
