"""Convolution algorithms, one file each, all with the same three functions.

* ``forward(x, w, *, stride, padding, dilation, groups) -> y``
* ``backward_input(dy, w, x_shape, *, stride, padding, dilation, groups) -> dx``
* ``backward_weight(dy, x, w_shape, *, stride, padding, dilation, groups) -> dw``

They take normalised arguments, ``stride=(sh, sw)``, ``padding=((top, bottom), (left, right))`` and
``dilation=(dh, dw)``, and check nothing: :mod:`minicnn.ops` has done it. :mod:`minicnn.plan` says
which one to use.
"""

from minicnn.kernels import _memory

_memory.keep_warm()
