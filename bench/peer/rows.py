"""Rows that both sides of a table make alike; see own/rows.ts."""
import numpy as np


def grouped_rows(count, dim, groups):
    total = (groups + count) * dim
    # state_n = a^n s + c (a^(n-1) + ... + 1), all modulo 2^32: unsigned overflow is the modulo.
    with np.errstate(over="ignore"):
        powers = np.cumprod(np.full(total, 1664525, np.uint32), dtype=np.uint32)
        sums = np.concatenate(([1], 1 + np.cumsum(powers[:-1], dtype=np.uint32))).astype(np.uint32)
        states = powers * np.uint32(12345) + np.uint32(1013904223) * sums
    draws = states / 2**32 - 0.5
    centers = draws[: groups * dim].reshape(groups, dim)
    rows = draws[groups * dim :].reshape(count, dim)
    return (centers[np.arange(count) % groups] + rows).astype(np.float32)
