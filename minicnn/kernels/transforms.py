"""The transforms of Winograd's convolution, on vectors of tiles.

F(m, 3), three weights for m outputs, multiplies at m + 1 points and at infinity. For m = 2 they
are 0, 1 and -1. For m = 4 textbooks go on with 2 and -2, and lose a digit of float32 by it: their
fourth powers are large. We take 0, 2/3, -2/3, 3/2 and -3/2, whose powers stay near 1, and the
error is six times less.

Each function is one of the matrices Bᵀ, G and Aᵀ, or A and Gᵀ for the gradient, times a column
whose entries are vectors. Used down the columns and then along the rows it does both sides of
Bᵀ d B. A point and its negative share an even and an odd part, which halves the work: rows
(a, b, c, d) and (a, -b, c, -d) of a matrix. The first argument only says of which kind the
vectors are.

References: Lavin and Gray (2016), "Fast algorithms for convolutional neural networks", section 4;
Barabasz, Anderson, Soodhalter and Gregg (2020), "Error analysis and improving the accuracy of
Winograd convolution for deep neural networks".
"""

from __future__ import annotations

from numba import njit

from minicnn.kernels.simd import fma, spread

NEAR, FAR = 2 / 3, 3 / 2
"""The points of m = 4 besides 0, with both signs; NEAR · FAR = 1 saves some constants."""
NEAR_2, FAR_2, NEAR_3, FAR_3 = NEAR**2, FAR**2, NEAR**3, FAR**3


@njit(forceinline=True)
def input_2(like, d0, d1, d2, d3):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Bᵀ d for m = 2: 4 inputs to 4 points."""
    return d0 - d2, d1 + d2, d2 - d1, d3 - d1


@njit(forceinline=True)
def input_4(like, d0, d1, d2, d3, d4, d5):  # type: ignore[no-untyped-def]
    """Bᵀ d for m = 4: 6 inputs to 6 points."""
    near, far = spread(like, NEAR), spread(like, FAR)
    both = spread(like, -NEAR_2 - FAR_2)
    near_even, near_odd = fma(spread(like, -FAR_2), d2, d4), near * d3 - far * d1
    far_even, far_odd = fma(spread(like, -NEAR_2), d2, d4), far * d3 - near * d1
    return (
        fma(both, d2, d0 + d4),
        near_even + near_odd,
        near_even - near_odd,
        far_even + far_odd,
        far_even - far_odd,
        fma(both, d3, d1 + d5),
    )


@njit(forceinline=True)
def filter_2(like, g0, g1, g2):  # type: ignore[no-untyped-def]
    """G g for m = 2: 3 weights to 4 points."""
    half = spread(like, 1 / 2)
    even, odd = half * (g0 + g2), half * g1
    return g0, even + odd, even - odd, g2


@njit(forceinline=True)
def filter_4(like, g0, g1, g2):  # type: ignore[no-untyped-def]
    """G g for m = 4: 3 weights to 6 points.

    (1, p, p²) times g, over the product of the distances of p from the other points.
    """
    near_even = fma(spread(like, -81 / 130), g0, spread(like, -36 / 130) * g2)
    near_odd = spread(like, -54 / 130) * g1
    far_even = fma(spread(like, 8 / 65), g0, spread(like, 18 / 65) * g2)
    far_odd = spread(like, 12 / 65) * g1
    return (
        g0,
        near_even + near_odd,
        near_even - near_odd,
        far_even + far_odd,
        far_even - far_odd,
        g2,
    )


@njit(forceinline=True)
def output_2(like, p0, p1, p2, p3):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Aᵀ p for m = 2: products at 4 points to 2 outputs."""
    return p0 + (p1 + p2), (p1 - p2) + p3


@njit(forceinline=True)
def output_4(like, p0, p1, p2, p3, p4, p5):  # type: ignore[no-untyped-def]
    """Aᵀ p for m = 4: products at 6 points to 4 outputs."""
    even, odd = p1 + p2, p1 - p2
    far_even, far_odd = p3 + p4, p3 - p4
    return (
        p0 + even + far_even,
        fma(spread(like, NEAR), odd, spread(like, FAR) * far_odd),
        fma(spread(like, NEAR_2), even, spread(like, FAR_2) * far_even),
        fma(spread(like, NEAR_3), odd, fma(spread(like, FAR_3), far_odd, p5)),
    )


@njit(forceinline=True)
def output_gradient_2(like, y0, y1):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """A dy for m = 2: gradients of 2 outputs to those of 4 products."""
    return y0, y0 + y1, y0 - y1, y1


@njit(forceinline=True)
def output_gradient_4(like, y0, y1, y2, y3):  # type: ignore[no-untyped-def]
    """A dy for m = 4: gradients of 4 outputs to those of 6 products."""
    near_even = fma(spread(like, NEAR_2), y2, y0)
    near_odd = fma(spread(like, NEAR_3), y3, spread(like, NEAR) * y1)
    far_even = fma(spread(like, FAR_2), y2, y0)
    far_odd = fma(spread(like, FAR_3), y3, spread(like, FAR) * y1)
    return (
        y0,
        near_even + near_odd,
        near_even - near_odd,
        far_even + far_odd,
        far_even - far_odd,
        y3,
    )


@njit(forceinline=True)
def filter_gradient_2(like, u0, u1, u2, u3):  # type: ignore[no-untyped-def]
    """Gᵀ du for m = 2: gradients at 4 points to those of 3 weights."""
    half = spread(like, 1 / 2)
    even, odd = half * (u1 + u2), half * (u1 - u2)
    return u0 + even, odd, even + u3


@njit(forceinline=True)
def filter_gradient_4(like, u0, u1, u2, u3, u4, u5):  # type: ignore[no-untyped-def]
    """Gᵀ du for m = 4: gradients at 6 points to those of 3 weights."""
    even, odd = u1 + u2, u1 - u2
    far_even, far_odd = u3 + u4, u3 - u4
    return (
        fma(spread(like, -81 / 130), even, fma(spread(like, 8 / 65), far_even, u0)),
        fma(spread(like, -54 / 130), odd, spread(like, 12 / 65) * far_odd),
        fma(spread(like, -36 / 130), even, fma(spread(like, 18 / 65), far_even, u5)),
    )
