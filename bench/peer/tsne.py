"""Peer: scikit-learn's TSNE with its defaults.

setup: rows, dim, perplexity, iterations, threads. A repetition is one map.
"""
import numpy as np
import sklearn
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from protocol import serve
from rows import grouped_rows


def setup(command):
    threads = command.get("threads", 2)
    threadpool_limits(threads)
    values = grouped_rows(command.get("rows", 5000), command.get("dim", 30), 40)

    def work():
        model = TSNE(perplexity=command.get("perplexity", 20), max_iter=command.get("iterations", 1000), n_jobs=threads, random_state=0)
        model.fit(values)
        return {"divergence": float(model.kl_divergence_), "iterations": int(model.n_iter_)}

    return work, {}


serve(setup, [np, sklearn])
