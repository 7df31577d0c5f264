"""Every figure: drawn without warnings, labelled, readable on a phone, and right in its numbers."""

from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from minicnn import ops, viz
from minicnn.cost.timer import Comparison
from minicnn.viz.style import CYCLE, WIDTH

X = np.arange(25).reshape(5, 5) % 7
W = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]])
HISTORY = SimpleNamespace(
    train_loss=[2.0, 1.0], train_error=[0.5, 0.2], val_loss=[1.9, 1.1], val_error=[0.4, 0.25]
)
TIMES = Comparison({"loops": [0.1, 0.1], "product": [0.001, 0.001]}, "loops")

FIGURES = {
    "activation_bars": lambda: viz.activation_bars({"input": 3136, "conv": 46080}),
    "activation_bars of two": lambda: viz.activation_bars(
        {"before": {"input": 3136, "conv": 46080}, "after": {"input": 3136}}
    ),
    "bars": lambda: viz.bars({"a": 1, "b": 0.5}, label="memory (KiB)", mark=["b"]),
    "channel_groups": lambda: viz.channel_groups(4, 8),
    "conv_window": lambda: viz.conv_window(X, W, positions=[(0, 0), (2, 2)]),
    "conv_window, padded": lambda: viz.conv_window(X, W, padding=2, stride=2, dilation=2),
    "feature_maps": lambda: viz.feature_maps({str(i): X - i for i in range(5)}),
    "feature_maps of an image": lambda: viz.feature_maps({"x": X, "y": -X}, images=["x"]),
    "kernels": lambda: viz.kernels(np.ones((10, 1, 3, 3), np.float32)),
    "learning_curve": lambda: viz.learning_curve(HISTORY, target=0.02),
    "memory_timeline": lambda: viz.memory_timeline([("x", 0, 100, 0, 1), ("y", 100, 50, 1, 2)]),
    "pool_windows": lambda: viz.pool_windows(X[:4, :4], 2),
    "pool_windows, overlapping": lambda: viz.pool_windows(X, 3, stride=2, mode="average"),
    "ratio_bars": lambda: viz.ratio_bars({"a": 2, "b": 3}, "a", label="memory", write=str),
    "ratio_bars of times": lambda: viz.ratio_bars(TIMES),
    "shape_flow": lambda: viz.shape_flow({"input": (1, 28, 28), "fc": (500,)}),
    "show_arrays": lambda: viz.show_arrays({"x": X, "w": W}, highlight={"x": X > 3}),
    "window_ladder": lambda: viz.window_ladder(
        {"dilated": {"size": 9, "kernel": 3, "dilation": 2}}
    ),
}


def texts(fig):
    return [text.get_text() for ax in fig.axes for text in ax.texts]


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figure_is_labelled_and_fits_a_phone(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    fig.canvas.draw()
    assert any(ax.get_xlabel() or ax.get_ylabel() for ax in fig.axes)
    box = fig.get_tightbbox()
    assert box.width <= WIDTH + 0.5
    # At 360 pixels wide, no letter of a figure is less than 7 pixels high.
    sizes = [text.get_fontsize() for ax in fig.axes for text in ax.texts]
    assert all(size * 360 / (72 * WIDTH) >= 7 for size in sizes)


def test_every_figure_function_is_tested():
    functions = {n for n in viz.__all__ if callable(getattr(viz, n))} - {
        "Block",
        "style",
        "use_style",
    }
    assert functions == {name.split(",")[0].split(" of ")[0] for name in FIGURES}


def test_importing_changes_nothing_and_use_style_does():
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        size = matplotlib.rcParams["font.size"]
        with viz.style():
            assert matplotlib.rcParams["font.size"] == 11
        assert matplotlib.rcParams["font.size"] == size
        viz.use_style()
        assert matplotlib.rcParams["font.size"] == 11
        assert matplotlib.rcParams["axes.prop_cycle"].by_key()["color"] == list(CYCLE)


@pytest.mark.parametrize("geometry", [{}, {"stride": 2, "padding": 1}, {"dilation": 2}])
def test_conv_window_shows_the_numbers_of_conv2d(geometry):
    y = ops.conv2d(X[None, None].astype(float), W[None, None].astype(float), **geometry)[0, 0]
    last = tuple(n - 1 for n in y.shape)
    fig = viz.conv_window(X, W, positions=[last], **geometry)
    shown = [float(t.get_text().replace("−", "-")) for t in fig.axes[2].texts]
    assert_allclose(shown, y.ravel(), atol=0.01)
    assert fig.axes[2].get_title(loc="left") == f"output y[{last[0]}, {last[1]}]"


def test_conv_window_hides_what_is_not_yet_known():
    fig = viz.conv_window(X, W, positions=[(0, 1)])
    assert len(fig.axes[2].texts) == 2


def test_pool_windows_shows_maxima_and_frames_the_winners():
    x = np.array([[1, 2, 0, 0], [3, 0, 0, 9], [5, 5, 1, 1], [0, 0, 1, 2]])
    fig = viz.pool_windows(x, 2)
    assert [t.get_text() for t in fig.axes[1].texts] == ["3", "9", "5", "2"]
    winners = [(round(p.get_y()), round(p.get_x())) for p in fig.axes[0].patches]
    assert winners == [(1, 0), (1, 3), (2, 0), (3, 3)]  # of equal numbers, the first


def test_ratio_bars_sorts_and_writes_ratios_to_the_baseline():
    fig = viz.ratio_bars({"big": 6, "base": 2, "small": 1}, "base", write="{} KiB".format)
    shown = texts(fig)
    assert shown == ["small", "1.0 KiB, 0.5 ×", "base", "2.0 KiB, baseline", "big", "6.0 KiB, 3 ×"]
    assert fig.axes[0].get_xscale() == "linear"


def test_ratio_bars_turns_logarithmic_for_wide_ranges_and_can_change_the_baseline():
    fig = viz.ratio_bars(TIMES, "product")
    assert fig.axes[0].get_xscale() == "log"
    assert "100 ms, 100 ×" in texts(fig)


def test_activation_bars_convert_the_unit():
    fig = viz.activation_bars({"input": 2048}, unit="KiB")
    assert texts(fig) == [" 2"]


def test_window_ladder_has_a_row_for_each_position():
    fig = viz.window_ladder({"": {"size": 7, "kernel": 3, "stride": 2, "padding": 1}})
    labels = [label.get_text() for label in fig.axes[0].get_yticklabels()]
    assert labels == ["x", "y[0]", "y[1]", "y[2]", "y[3]"]


WRONG = {
    "no axes": (lambda: viz.show_arrays({"x": np.zeros(3)}), ValueError, r"x\[0, 0\]"),
    "empty": (lambda: viz.show_arrays({}), ValueError, "arrays is empty"),
    "text": (lambda: viz.show_arrays({"x": np.array([["a"]])}), TypeError, "astype"),
    "mask": (lambda: viz.show_arrays({"x": X}, highlight={"y": X > 1}), ValueError, "highlight"),
    "role": (lambda: viz.show_arrays({"x": X}, roles=["cat"]), ValueError, "roles"),
    "position": (lambda: viz.conv_window(X, W, positions=[(3, 0)]), ValueError, "0 <= p < 3"),
    "mode": (lambda: viz.pool_windows(X, 2, mode="min"), ValueError, "'min'"),
    "groups": (lambda: viz.channel_groups(4, 6, (4,)), ValueError, "6 filters"),
    "image": (
        lambda: viz.feature_maps({"x": X}, images=["x"]),
        ValueError,
        "leave it out",
    ),
    "no maps": (lambda: viz.feature_maps({}), ValueError, "0 pictures"),
    "kernels": (lambda: viz.kernels(np.zeros((3, 3))), ValueError, "4 axes"),
    "channel": (lambda: viz.kernels(np.zeros((2, 2, 3, 3))), ValueError, "channel=0"),
    "negative": (lambda: viz.bars({"a": -1}, label="s"), ValueError, "0 or more"),
    "nan": (lambda: viz.bars({"a": np.nan}, label="s"), ValueError, "finite"),
    "no bars": (lambda: viz.bars({}, label="s"), ValueError, "empty"),
    "mark": (lambda: viz.bars({"a": 1}, label="s", mark=["b"]), ValueError, "mark is 'b'"),
    "baseline": (lambda: viz.ratio_bars({"a": 1}, "b"), ValueError, "baseline is 'b'"),
    "no baseline": (lambda: viz.ratio_bars({"a": 1}), ValueError, "baseline is 'None'"),
    "zero": (lambda: viz.ratio_bars({"a": 1, "b": 0}, "a"), ValueError, "holds 0"),
    "unit": (lambda: viz.activation_bars({"a": 1}, unit="GB"), ValueError, "'GB'"),
    "shape": (lambda: viz.shape_flow({"x": (2, 3)}), ValueError, "batch axis"),
    "no shapes": (lambda: viz.shape_flow({}), ValueError, "0 entries"),
    "block": (lambda: viz.memory_timeline([("x", 0, 1, 2, 1)]), ValueError, "swapped"),
    "no blocks": (lambda: viz.memory_timeline([]), ValueError, "0 blocks"),
    "no case": (lambda: viz.window_ladder({}), ValueError, "cases is empty"),
    "epochs": (
        lambda: viz.learning_curve(SimpleNamespace(train_loss=[])),
        ValueError,
        "no epochs",
    ),
}


@pytest.mark.parametrize(("draw", "error", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_says_what_and_how_to_mend_it(draw, error, message):
    with pytest.raises(error, match=message):
        draw()
