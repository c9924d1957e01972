"""Peer: features of a batch of images that are tensors already, by ViT-S/16 without gradients.

setup: batch, threads. A repetition is one batch.
"""
import torch

from plain_weights import plain_vit
from protocol import serve
from rows import grouped_rows


def setup(command):
    torch.set_num_threads(command.get("threads", 2))
    batch = command.get("batch", 32)
    model = plain_vit()
    pixels = torch.from_numpy(grouped_rows(batch * 3 * 224, 224, 7)).view(batch, 3, 224, 224)

    @torch.no_grad()
    def work():
        features = model(pixels)
        return {"first": features[0, 0].item(), "magnitude": features.abs().sum().item()}

    return work, {}


serve(setup, [torch])
