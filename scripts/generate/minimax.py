#!/usr/bin/env python3
"""Finds the coefficients of src/box_muller.rs and src/inverse_normal.rs: minimax polynomials and fractions by linear
programming on Chebyshev nodes, each coefficient rounded to f32 before the rest is solved for again; a polynomial's
lowest power first, a fraction's highest power of the denominator first.

    pip install numpy scipy mpmath && scripts/generate/minimax.py
"""

import numpy
from mpmath import cos, erfinv, log, mp, mpf, ncdf, pi, sin, sqrt
from scipy.optimize import linprog
from scipy.special import ndtri_exp

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


# -2 ln u = 2 e ln 2 - 2 ln(1 + f / 2): the error counts by the least that the whole can be
fit(
    "LOG",
    list(range(2, 11)),
    lambda f: 2 * log(1 + f / 2) - f,
    lambda f: 1 / (-2 * log(1 + f / 2)) if f < 0 else 1 / (2 * log(2) - 2 * log(1 + f / 2)),
    [f for f in nodes(-2 / 3, 2 / 3) if abs(f) > 2e-5],
)
fit("SIN", [1, 3, 5, 7], lambda x: sin(pi / 2 * x), lambda x: 1, nodes(1e-6, 0.5, 300))
fit("COS", [2, 4, 6, 8], lambda x: cos(pi / 2 * x) - 1, lambda x: 1, nodes(1e-6, 0.5, 300))


def fit_fraction(name, x, target, top_degree, bottom_degree, weight):
    """A fraction whose denominator begins with 1, by Loeb's iteration: the last denominator weighs the next."""
    keys = [("top", i) for i in range(top_degree + 1)] + [("bottom", i) for i in range(1, bottom_degree + 1)]
    order = keys[: top_degree : -1] + keys[top_degree::-1]
    fixed = {}
    bottom = numpy.ones_like(x)
    evaluate = lambda c: (
        sum(c["top", i] * x**i for i in range(top_degree + 1)),
        1 + sum(c["bottom", i] * x**i for i in range(1, bottom_degree + 1)),
    )
    while len(fixed) < len(keys):
        free = [key for key in keys if key not in fixed]
        best = None
        for _ in range(14):
            columns, right = [], weight * target / bottom
            for part, power in keys:
                column = weight / bottom * x**power * (1 if part == "top" else -target)
                if (part, power) in fixed:
                    right = right - column * fixed[part, power]
                else:
                    columns.append(column)
            columns = numpy.stack(columns, 1)
            scales = numpy.abs(columns).max(0)
            columns, ones = columns / scales, numpy.ones((len(x), 1))
            for larger in (1e7, 1e5, 1e6, 1e4, 1e3):  # so that the solver's tolerance is below the error
                result = linprog(
                    [0] * len(free) + [1],
                    A_ub=numpy.block([[columns, -ones], [-columns, -ones]]),
                    b_ub=numpy.concatenate([right, -right]) * larger,
                    bounds=[(None, None)] * len(free) + [(0, None)],
                    method="highs",
                )
                if result.x is not None:
                    break
            if result.x is None:
                break
            found = fixed | dict(zip(free, result.x[:-1] / larger / scales))
            top, bottom = evaluate(found)
            error = numpy.abs(weight * (top / bottom - target)).max()
            if best is None or error < best[0]:
                best = (error, found)
        key = next(key for key in order if key not in fixed)
        fixed[key] = float(numpy.float32(best[1][key]))
        _, bottom = evaluate(best[1])
    top, bottom = evaluate(fixed)
    error = numpy.abs(weight * (top / bottom - target)).max()
    print(f"{name}: error 2^{numpy.log2(error):.2f}", {key: str(numpy.float32(value)) for key, value in fixed.items()})


# the quantile within 2.001 std, x = c (sqrt(2 pi) + c^2 fraction(1/4 - c^2)), relative to x
squares = numpy.array(nodes(1e-4, float(ncdf(2.001) - mpf(1) / 2) ** 2, 300))
centres = numpy.sqrt(squares)
quantiles = [sqrt(2) * erfinv(2 * mpf(c)) for c in centres]
slope = mpf(float(numpy.float32(numpy.sqrt(2 * numpy.pi))))
target = numpy.array([float((x / mpf(c) - slope) / mpf(v)) for x, c, v in zip(quantiles, centres, squares)])
quantiles = numpy.array([float(x) for x in quantiles])
fit_fraction("CENTRE", 0.25 - squares, target, 4, 4, squares / (quantiles / centres))
# -log2(1 + f) / f, its error times f: that of the logarithm itself
fit("LOG2", list(range(8)), lambda f: -log(1 + f) / f / log(2), lambda f: f, [f for f in nodes(-1 / 3, 1 / 3) if abs(f) > 1e-5])


def fit_tail(name, largest, least, main, top_degree, bottom_degree):
    """The quantile of probability 2^-l, less main(l), relative to it."""
    logs = numpy.array(nodes(-numpy.log2(largest), least, 400))
    quantiles = -ndtri_exp(-logs * numpy.log(2))
    fit_fraction(name, logs, quantiles - main(logs), top_degree, bottom_degree, 1 / quantiles)


fit_tail("TAIL", 0.0229, 37, lambda l: l / 4, 5, 3)
fit_tail("FAR", 0.0626, 160.5, lambda l: l / 8 + 1, 6, 6)
