"""The masked autoencoder (He et al. 2022) in plain PyTorch: the encoder sees the visible patches only."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from dino import Block
from method import Method, vit


def sin_cos_positions(dim, side):
    """Fixed positions [1, 1 + side * side, dim]: sines and cosines of the column, then of the row; zeros for the class token."""
    omega = 10000 ** (-torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    angles = torch.outer(torch.arange(side, dtype=torch.float64), omega)
    waves = torch.cat((angles.sin(), angles.cos()), dim=1)  # [side, dim / 2]
    grid = torch.cat((waves.repeat(side, 1), waves.repeat_interleave(side, 0)), dim=1)
    return torch.cat((torch.zeros(1, dim), grid.float()))[None]


def take(tokens, order):
    """Tokens of each image by number: [B, N, D], [B, n] -> [B, n, D]"""
    return tokens.gather(1, order[:, :, None].expand(-1, -1, tokens.shape[2]))


class Decoder(nn.Module):
    def __init__(self, inputs, side, pixels, dim, depth, heads):
        super().__init__()
        self.embed = nn.Linear(inputs, dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        nn.init.normal_(self.mask_token, std=0.02)
        self.pos_embed = nn.Parameter(sin_cos_positions(dim, side), requires_grad=False)
        self.blocks = nn.ModuleList(Block(dim, heads, 0.0) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pred = nn.Linear(dim, pixels)

    def forward(self, latent, restore):
        """latent [B, 1 + visible, D], restore [B, N] -> pixels [B, N, P * P * 3]"""
        x = self.embed(latent)
        hidden = self.mask_token.to(x.dtype).expand(len(x), 1 + restore.shape[1] - x.shape[1], -1)
        patches = take(torch.cat((x[:, 1:], hidden), dim=1), restore)
        x = torch.cat((x[:, :1], patches), dim=1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.pred(self.norm(x))[:, 1:]


class Mae(Method):
    betas = (0.9, 0.95)

    def __init__(self, work, samples):
        backbone = vit(work)
        side = work["image"] // backbone.patch
        backbone.pos_embed = nn.Parameter(sin_cos_positions(backbone.dim, side), requires_grad=False)
        decoder = Decoder(backbone.dim, side, 3 * backbone.patch**2, **work["decoder"])
        for module in [*backbone.blocks.modules(), *decoder.modules()]:
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
        super().__init__(nn.ModuleDict({"backbone": backbone, "decoder": decoder}))
        # Ours finds a patch among those of all images: [N, B] rows of patch * B + image.
        shuffle = torch.tensor(samples["shuffle"]).view(side**2, work["batch"])
        self.order = (shuffle // work["batch"]).T.contiguous()
        self.restore = self.order.argsort(dim=1)
        self.visible = math.floor(side**2 * (1 - work["maskRatio"]))
        self.hidden = (self.restore >= self.visible).float()

    def encode(self, images):
        net = self.student["backbone"]
        patches = net.patch_embed(images) + net.pos_embed[:, 1:]
        cls = (net.cls_token + net.pos_embed[:, :1]).expand(len(images), -1, -1)
        x = torch.cat((cls, take(patches, self.order[:, : self.visible])), dim=1)
        for block in net.blocks:
            x = block(x)
        return net.norm(x)

    def targets(self, images):
        """Pixels of the patches by row, column and channel, normalized: [B, N, P * P * 3]"""
        p = self.student["backbone"].patch
        B, C, H, W = images.shape
        pixels = images.view(B, C, H // p, p, W // p, p).permute(0, 2, 4, 3, 5, 1).reshape(B, -1, p * p * C)
        variance, mean = torch.var_mean(pixels, dim=-1, keepdim=True)
        return (pixels - mean) / (variance + 1e-6).sqrt()

    def objective(self, views):
        (images,) = views
        told = self.student["decoder"](self.encode(images), self.restore).float()
        errors = F.mse_loss(told, self.targets(images), reduction="none").mean(-1)
        return (errors * self.hidden).sum() / self.hidden.sum()
