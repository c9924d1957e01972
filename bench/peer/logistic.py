"""Peer: standardization and logistic regression (lbfgs) of scikit-learn.

setup: rows, dim, classes, threads. A repetition is one fit; its objective is a mean over rows, as ours is.
"""
import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from protocol import serve
from rows import grouped_rows


def setup(command):
    threadpool_limits(command.get("threads", 2))
    rows, classes = command.get("rows", 20_000), command.get("classes", 10)
    values = grouped_rows(rows, command.get("dim", 384), 5000)
    labels = np.arange(rows) % 5000 % classes

    def work():
        scaled = StandardScaler().fit_transform(values)
        model = LogisticRegression(C=1.0, tol=1e-4, max_iter=1000).fit(scaled, labels)
        chosen = model.predict_log_proba(scaled)[np.arange(rows), labels]
        objective = -chosen.mean() + (model.coef_**2).sum() / (2 * rows)
        return {"objective": float(objective), "iterations": int(model.n_iter_[0])}

    return work, {}


serve(setup, [np, sklearn])
