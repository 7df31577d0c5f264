"""Convolution algorithms, one file each, all with the same three functions.

* ``forward(x, w, *, stride, padding, dilation, groups, out=None, bias=None, relu=False) -> y``
* ``backward_input(dy, w, x_shape, *, stride, padding, dilation, groups) -> dx``
* ``backward_weight(dy, x, w_shape, *, stride, padding, dilation, groups) -> dw``

They take normalised arguments, ``stride=(sh, sw)``, ``padding=((top, bottom), (left, right))`` and
``dilation=(dh, dw)``, and check nothing: :mod:`minicnn.ops` has done it. :mod:`minicnn.plan` says
which one to use. What they share is in :mod:`~minicnn.kernels.shapes` (sizes and borders) and
:mod:`~minicnn.kernels.threads` (work on all cores).

Where ``out`` is given, y is written there and nothing of its size is kept elsewhere;
``workspace_bytes(x_shape, w_shape, itemsize, *, stride, padding, dilation, groups)`` says how much
memory ``forward`` needs for itself.
"""

from minicnn.kernels import _memory

_memory.keep_warm()
