"""The small residual network of the automatic recipe (src/model/convnet.ts): basic blocks, torchvision's parameter names.

The stem is 3x3 convolutions of stride 2, one for each factor of 2, each twice as wide as the one before.
"""
import math

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


class ResidualNet(nn.Module):
    """`depths` blocks in each stage; the width doubles and the size halves from stage to stage."""

    def __init__(self, width=32, depths=(1, 1, 1), stem_stride=2):
        super().__init__()
        halvings = int(math.log2(stem_stride))
        stem, inputs = [], 3
        for i in range(1, halvings + 1):
            outputs = max(8, width >> (halvings - i))
            stem += [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
            inputs = outputs
        self.stem = nn.Sequential(*stem)
        inputs = width
        for i, depth in enumerate(depths):
            blocks = []
            for j in range(depth):
                blocks.append(BasicBlock(inputs, width * 2**i, 2 if i > 0 and j == 0 else 1))
                inputs = width * 2**i
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
        self.stages, self.dim = len(depths), inputs
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = self.stem(x)
        for i in range(self.stages):
            x = getattr(self, f"layer{i + 1}")(x)
        return x.mean((2, 3))  # [B, D]
