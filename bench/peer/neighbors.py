"""Weighted k-nearest-neighbor classification, as DINO evaluates features."""
import torch


@torch.no_grad()
def nearest(bank, queries, k, chunks=100):
    """Similarities and rows of the k most similar bank rows [Q, k], a hundredth of the queries at a time, as officially."""
    parts = [torch.topk(part @ bank.t(), k, dim=1) for part in queries.chunk(chunks)]
    return torch.cat([part.values for part in parts]), torch.cat([part.indices for part in parts])


@torch.no_grad()
def classify(bank, labels, queries, wanted, k=20, temperature=0.07):
    """Top-1 in percent. `bank` and `queries` hold L2-normalized rows; a neighbor votes exp(similarity / temperature)."""
    similarity, rows = nearest(bank, queries, k)
    votes = torch.zeros(len(queries), int(labels.max()) + 1)
    votes.scatter_add_(1, labels[rows], (similarity / temperature).exp())
    return 100 * (votes.argmax(1) == wanted).float().mean().item()
