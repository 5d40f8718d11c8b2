#!/usr/bin/env python3
"""Finds the coefficients of src/box_muller.rs: minimax polynomials by linear programming on Chebyshev nodes,
each coefficient rounded to f32 before the rest is solved for again, the lowest power first.

    pip install numpy scipy mpmath && scripts/minimax.py
"""

import numpy
from mpmath import cos, log, mp, mpf, pi, sin
from scipy.optimize import linprog

mp.prec = 120


def nodes(low, high, count=400):
    middle, half = (low + high) / 2, (high - low) / 2
    return [middle + half * numpy.cos(numpy.pi * (i + 0.5) / count) for i in range(count)]


def solve(powers, x, weight, residual):
    """The coefficients that minimise max |weight (sum c x^p - residual)|."""
    scales = [numpy.max(numpy.abs(weight * x**p)) for p in powers]
    columns = numpy.stack([weight * x**p / s for p, s in zip(powers, scales)], 1)
    ones = numpy.ones((len(x), 1))
    larger = 1e6  # so that the solver's tolerance is far below the error
    bound = numpy.concatenate([weight * residual, -weight * residual]) * larger
    result = linprog(
        [0] * len(powers) + [1],
        A_ub=numpy.block([[columns, -ones], [-columns, -ones]]),
        b_ub=bound,
        bounds=[(None, None)] * len(powers) + [(0, None)],
        method="highs",
    )
    return result.x[:-1] / larger / numpy.array(scales)


def fit(name, powers, target, weight, points):
    x = numpy.array(points)
    weights = numpy.array([float(weight(mpf(p))) for p in points])
    targets = [target(mpf(p)) for p in points]
    fixed = {}

    def residual():
        value = lambda p: sum(mpf(float(c)) * mpf(p) ** power for power, c in fixed.items())
        return numpy.array([float(t - value(p)) for p, t in zip(points, targets)])

    while len(fixed) < len(powers):
        free = powers[len(fixed) :]
        fixed[free[0]] = numpy.float32(solve(free, x, weights, residual())[0])
    error = numpy.max(numpy.abs(weights * residual()))
    print(f"{name}: error 2^{numpy.log2(error):.2f}", [str(c) for c in fixed.values()])


# -ln u = e ln 2 - ln(1 + f): the error counts by the least that the whole can be
fit(
    "LOG",
    list(range(2, 11)),
    lambda f: log(1 + f) - f,
    lambda f: 1 / (-log(1 + f)) if f < 0 else 1 / (log(2) - log(1 + f)),
    [f for f in nodes(-1 / 3, 1 / 3) if abs(f) > 1e-5],
)
fit("SIN", [1, 3, 5, 7], lambda x: sin(pi / 2 * x), lambda x: 1, nodes(1e-6, 0.5, 300))
fit("COS", [2, 4, 6, 8], lambda x: cos(pi / 2 * x) - 1, lambda x: 1, nodes(1e-6, 0.5, 300))
