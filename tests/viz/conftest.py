"""Figures are drawn without a screen, in the book's style, and closed after each test."""

import matplotlib
import pytest

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def _book_style():
    from matplotlib import pyplot as plt

    from minicnn import viz

    with viz.style():
        yield
    plt.close("all")
