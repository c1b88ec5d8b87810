"""Do values come back in a second lot of draws as if both were drawn alike, or were some taken from the first?

Null: all draws of both lots are exchangeable. Of two draws that share a value with no third, each is in either lot as
chance has it; if the second lot holds draws of the first, one of each is in it.
"""

from __future__ import annotations

from scipy.stats import binom


def p_of_recurrence(once: int, twice: int, n_first: int, n_second: int) -> float:
    """Upper p-value of `once`, the draws of the second lot whose value occurs once among the `n_first` of the first,
    beside `twice`, the values that occur twice there.

    A pair of draws of one value is divided between lots of n and m with probability 2 n m, and both of it are in the
    first with n (n - 1), over (n + m) (n + m - 1). So given their sum, `once` is binomial with 2 m / (2 m + n - 1). It
    is approximate where values occur three times or more: the expected numbers keep that ratio (Good 1953, "The
    population frequencies of species and the estimation of population parameters", Biometrika 40), the spread is wider.
    In simulations of 30 to 30,000 values, as frequent or not, 0.01 is reached by at most 5 % of lots drawn alike.

    >>> round(p_of_recurrence(1, 1, 101, 100), 3), p_of_recurrence(20, 0, 101, 100) < 0.001
    (0.889, True)
    """
    return float(binom.sf(once - 1, once + twice, 2 * n_second / (2 * n_second + n_first - 1)))
