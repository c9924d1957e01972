"""Peer: Lloyd's iterations of scikit-learn from given centers, a fixed number of them.

setup: rows, dim, k, iterations, threads. A repetition is one fit.
"""
import warnings

import numpy as np
import sklearn
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from protocol import serve
from rows import grouped_rows


def setup(command):
    threadpool_limits(command.get("threads", 2))
    warnings.filterwarnings("ignore")
    k = command.get("k", 100)
    values = grouped_rows(command.get("rows", 50_000), command.get("dim", 384), 5000)

    def work():
        model = KMeans(k, init=values[:k], n_init=1, max_iter=command.get("iterations", 20), tol=0, algorithm="lloyd").fit(values)
        return {"inertia": float(model.inertia_), "iterations": int(model.n_iter_)}

    return work, {}


serve(setup, [np, sklearn])
