"""The book's figures, as functions: numbers in, a matplotlib Figure out.

``viz.use_style()`` once at the top of a notebook sets sizes and colours; importing changes nothing.
"""

try:
    import matplotlib  # noqa: F401
except ImportError as error:
    raise ImportError(
        "minicnn.viz draws with matplotlib, which is not installed. "
        "Install it: pip install 'minicnn[viz]'"
    ) from error

from minicnn.viz.channels import channel_groups
from minicnn.viz.charts import activation_bars, bars, ratio_bars
from minicnn.viz.curves import learning_curve
from minicnn.viz.grids import show_arrays
from minicnn.viz.maps import feature_maps, kernels
from minicnn.viz.network import Block, memory_timeline, shape_flow
from minicnn.viz.style import style, use_style
from minicnn.viz.windows import conv_window, pool_windows, window_ladder

__all__ = [
    "Block",
    "activation_bars",
    "bars",
    "channel_groups",
    "conv_window",
    "feature_maps",
    "kernels",
    "learning_curve",
    "memory_timeline",
    "pool_windows",
    "ratio_bars",
    "shape_flow",
    "show_arrays",
    "style",
    "use_style",
    "window_ladder",
]
