"""Peer: decode and augment, one process, one thread.

setup: path (folder or tar file of images), image, local, locals, backend "pil" | "tensor", limit (images used), scales.
A repetition is one pass over those images; divide their number ("images") by the time for images a second. With
"decodeOnly": true the pass only decodes; with "workers": n a DataLoader of n workers does it, in batches of 16.
"""
import io

import torch
from PIL import Image
from torch.utils.data import DataLoader, Subset

import augment
from images import Images
from protocol import serve


def setup(command):
    torch.set_num_threads(command.get("threads", 1))
    torch.manual_seed(0)
    transform = augment.MultiCropTransform(
        command.get("image", 224),
        command.get("local", 96),
        command.get("locals", 8),
        tuple(command.get("globalScale", (0.4, 1.0))),
        tuple(command.get("localScale", (0.05, 0.4))),
        command.get("backend", "pil"),
    )
    images = Images(command["path"], transform)
    count = min(command.get("limit", 256), len(images))
    chosen = [i * len(images) // count for i in range(count)]

    def decode():
        for i in chosen:
            Image.open(io.BytesIO(images.encoded[i])).convert("RGB")

    def everything():
        for i in chosen:
            images[i]

    if command.get("workers", 0) > 0:
        loader = DataLoader(Subset(images, chosen), 16, num_workers=command["workers"], persistent_workers=True)

        def everything():
            for _ in loader:
                pass

    return (decode if command.get("decodeOnly") else everything), {"images": count}


serve(setup, [torch, augment.torchvision])
