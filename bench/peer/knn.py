"""Peer: weighted 20-NN over a bank of features.

setup: bank, queries, dim, classes, k, threads. A repetition classifies all queries.
"""
import torch
import torch.nn.functional as F

from neighbors import classify
from protocol import serve


def setup(command):
    torch.set_num_threads(command.get("threads", 2))
    torch.manual_seed(0)
    bank, queries = command.get("bank", 50_000), command.get("queries", 10_000)
    dim, classes, k = command.get("dim", 384), command.get("classes", 10), command.get("k", 20)
    rows = F.normalize(torch.randn(bank, dim))
    tests = F.normalize(torch.randn(queries, dim))
    labels, wanted = torch.randint(classes, (bank,)), torch.randint(classes, (queries,))
    return lambda: classify(rows, labels, tests, wanted, k), {}


serve(setup, [torch])
