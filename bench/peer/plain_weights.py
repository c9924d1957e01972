"""A ViT-S/16 whose weights both sides make alike; see own/plain-weights.ts."""
import re

import torch

from dino import VisionTransformer
from rows import grouped_rows


def plain_vit():
    model = VisionTransformer(224, 16, 384, 12, 6)
    parameters = dict(model.named_parameters())
    draws = torch.from_numpy(grouped_rows(sum(p.numel() for p in parameters.values()), 1, 1)).flatten()
    at = 0
    with torch.no_grad():
        for name in sorted(parameters):
            values = parameters[name]
            scale = 1.0 if re.search(r"norm\d?\.weight$", name) else 0.0
            values.copy_((0.06 * draws[at : at + values.numel()] + scale).view_as(values))
            at += values.numel()
    return model.eval()
