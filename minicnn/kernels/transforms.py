"""The three transforms of Winograd's convolution, on vectors of tiles.

F(m, 3), three weights for m outputs, multiplies at m + 1 points and at infinity. For m = 2 they
are 0, 1 and -1. For m = 4 textbooks go on with 2 and -2, and lose a digit of float32 by it: their
fourth powers are large. We take 0, 2/3, -2/3, 3/2 and -3/2, whose powers stay near 1, and the
error is six times less.

Each function is one of the matrices Bᵀ, G, Aᵀ times a column whose entries are vectors: it loads
the entries, `step` numbers apart, and stores the first `count` lanes of the results. Used down the
columns and then along the rows it does both sides of Bᵀ d B. A point and its negative share an
even and an odd part, which halves the work: rows (a, b, c, d) and (a, -b, c, -d) of a matrix.

References: Lavin and Gray (2016), "Fast algorithms for convolutional neural networks", section 4;
Barabasz, Anderson, Soodhalter and Gregg (2020), "Error analysis and improving the accuracy of
Winograd convolution for deep neural networks".
"""

from __future__ import annotations

from numba import njit

from minicnn.kernels.simd import fma, load, spread, store_part

NEAR, FAR = 2 / 3, 3 / 2
"""The points of m = 4 besides 0, with both signs; NEAR · FAR = 1 saves some constants."""


@njit(cache=True, nogil=True)
def input_transform(m, source, at, step, target, to, target_step, count):  # type: ignore[no-untyped-def]
    """Bᵀ d: m + 2 numbers of each tile to as many points."""
    d0, d1 = load(source, at), load(source, at + step)
    d2, d3 = load(source, at + 2 * step), load(source, at + 3 * step)
    if m == 2:
        store_part(target, to, d0 - d2, count)
        store_part(target, to + target_step, d1 + d2, count)
        store_part(target, to + 2 * target_step, d2 - d1, count)
        store_part(target, to + 3 * target_step, d3 - d1, count)
    else:
        d4, d5 = load(source, at + 4 * step), load(source, at + 5 * step)
        near, far = spread(source, NEAR), spread(source, FAR)
        both = spread(source, -NEAR * NEAR - FAR * FAR)
        store_part(target, to, fma(both, d2, d0 + d4), count)
        even, odd = fma(spread(source, -FAR * FAR), d2, d4), near * d3 - far * d1
        store_part(target, to + target_step, even + odd, count)
        store_part(target, to + 2 * target_step, even - odd, count)
        even, odd = fma(spread(source, -NEAR * NEAR), d2, d4), far * d3 - near * d1
        store_part(target, to + 3 * target_step, even + odd, count)
        store_part(target, to + 4 * target_step, even - odd, count)
        store_part(target, to + 5 * target_step, fma(both, d3, d1 + d5), count)


@njit(cache=True, nogil=True)
def filter_transform(m, source, at, step, target, to, target_step, count):  # type: ignore[no-untyped-def]
    """G g: 3 weights of each filter to m + 2 points."""
    g0, g1, g2 = load(source, at), load(source, at + step), load(source, at + 2 * step)
    store_part(target, to, g0, count)
    store_part(target, to + (m + 1) * target_step, g2, count)
    if m == 2:
        half = spread(source, 1 / 2)
        even, odd = half * (g0 + g2), half * g1
        store_part(target, to + target_step, even + odd, count)
        store_part(target, to + 2 * target_step, even - odd, count)
    else:
        # (1, p, p²) times g, over the product of the distances of p from the other points.
        even = fma(spread(source, -81 / 130), g0, spread(source, -36 / 130) * g2)
        odd = spread(source, -54 / 130) * g1
        store_part(target, to + target_step, even + odd, count)
        store_part(target, to + 2 * target_step, even - odd, count)
        even = fma(spread(source, 8 / 65), g0, spread(source, 18 / 65) * g2)
        odd = spread(source, 12 / 65) * g1
        store_part(target, to + 3 * target_step, even + odd, count)
        store_part(target, to + 4 * target_step, even - odd, count)


@njit(cache=True, nogil=True)
def output_transform(m, source, at, step, target, to, target_step, count):  # type: ignore[no-untyped-def]
    """Aᵀ p: products at m + 2 points to the m outputs of each tile."""
    p0, p1 = load(source, at), load(source, at + step)
    p2, p3 = load(source, at + 2 * step), load(source, at + 3 * step)
    even, odd = p1 + p2, p1 - p2
    if m == 2:
        store_part(target, to, p0 + even, count)
        store_part(target, to + target_step, odd + p3, count)
    else:
        p4, p5 = load(source, at + 4 * step), load(source, at + 5 * step)
        near, far = spread(source, NEAR), spread(source, FAR)
        far_even, far_odd = p3 + p4, p3 - p4
        store_part(target, to, p0 + even + far_even, count)
        odd, far_odd = near * odd, far * far_odd
        store_part(target, to + target_step, odd + far_odd, count)
        near, far = near * near, far * far
        store_part(target, to + 2 * target_step, fma(near, even, far * far_even), count)
        store_part(target, to + 3 * target_step, fma(near, odd, fma(far, far_odd, p5)), count)
