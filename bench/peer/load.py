"""Peer: torch.load of a state dict.

setup: file. A repetition is one load.
"""
import torch

from protocol import serve


def setup(command):
    path = command["file"]

    def work():
        tensors = torch.load(path, map_location="cpu", weights_only=True)
        return {
            "tensors": len(tensors),
            "numbers": sum(t.numel() for t in tensors.values()),
            "last": float(tensors["norm.bias"][-1]),
        }

    return work, {}


serve(setup, [torch])
