"""The small residual networks of src/model/convnet.ts: basic blocks, torchvision's parameter names.

The stem is 3x3 convolutions of stride 2, one for each factor of 2, each twice as wide as the one before, or one linear map of
patches. The feature is the mean of the last map, or what attention takes from the last two: the automatic recipe's hybrid.
"""
import math

import torch
from torch import nn


class BasicBlock(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != width:
            convolution = nn.Conv2d(inputs, width, 1, stride, bias=False)
            self.downsample = nn.Sequential(convolution, nn.BatchNorm2d(width))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + shortcut)


class AttentionPool(nn.Module):
    """Each head weights the places of a map for its share of the channels (src/model/attention-pool.ts)."""

    def __init__(self, dim, heads):
        super().__init__()
        self.query = nn.Parameter(torch.empty(heads, dim))
        nn.init.trunc_normal_(self.query, std=0.02)

    def forward(self, x):
        B, D, H, W = x.shape
        heads = self.query.shape[0]
        x = x.flatten(2)  # [B, D, N]
        weights = (self.query @ x).softmax(-1)  # [B, heads, N]
        pooled = weights.unsqueeze(2) @ x.view(B, heads, D // heads, H * W).transpose(2, 3)  # [B, heads, 1, D / heads]
        return pooled.reshape(B, D)


def stem_layers(kind, width, stride):
    """(kernel, stride, output channels) of each convolution."""
    if kind == "patch":
        return [(stride, stride, width)]
    halvings = int(math.log2(stride))
    return [(3, 2, max(8, width >> (halvings - i))) for i in range(1, halvings + 1)]


class ResidualNet(nn.Module):
    """`depths` blocks in each stage (the first may have none); the width doubles and the size halves from stage to stage."""

    def __init__(self, width=32, depths=(1, 1, 1), stem_stride=2, stem="conv", heads=0):
        super().__init__()
        layers, inputs = [], 3
        for kernel, stride, outputs in stem_layers(stem, width, stem_stride):
            padding = 0 if stem == "patch" else kernel // 2
            layers.append(nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False))
            layers += [nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
            inputs = outputs
        self.stem = nn.Sequential(*layers)
        for i, depth in enumerate(depths):
            blocks = []
            for j in range(depth):
                blocks.append(BasicBlock(inputs, width * 2**i, 2 if i > 0 and j == 0 else 1))
                inputs = width * 2**i
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
        self.stages, self.dim = len(depths), inputs
        self.pool = None
        if heads:
            pooled = [width * 2**i for i in range(len(depths))][-2:]
            self.pool = nn.ModuleList(AttentionPool(w, heads * w // sum(pooled)) for w in pooled)
            self.dim = sum(pooled)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = self.stem(x)
        maps = []
        for i in range(self.stages):
            x = getattr(self, f"layer{i + 1}")(x)
            maps.append(x)
        if self.pool is None:
            return x.mean((2, 3))  # [B, D]
        return torch.cat([pool(x) for pool, x in zip(self.pool, maps[-2:])], dim=1)
