"""DINO (Caron et al. 2021, arXiv 2104.14294) in plain PyTorch: the peer that dino-ts is measured against.

Written for the benchmarks, from the paper and from the published parameter names, as a careful PyTorch user would write
it today: scaled_dot_product_attention, multi-tensor clipping, one log-softmax for each student crop, multi-tensor EMA. `check.py`
proves that it computes what the official code computes.
"""
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


def truncated_normal(module):
    """The official initialization: linear weights from a truncated normal of deviation 0.02, linear biases 0."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        B, N, D = x.shape
        q, k, v = self.qkv(x).view(B, N, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        x = F.scaled_dot_product_attention(q, k, v)  # [B, H, N, d]
        return self.proj(x.transpose(1, 2).reshape(B, N, D))


class Mlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class DropPath(nn.Module):
    """Stochastic depth: a whole residual branch of a sample is dropped, the others are scaled up."""

    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, x):
        if self.rate == 0 or not self.training:
            return x
        keep = 1 - self.rate
        mask = x.new_empty(x.shape[0], *[1] * (x.dim() - 1)).bernoulli_(keep)
        return x / keep * mask


class Block(nn.Module):
    def __init__(self, dim, heads, drop_path):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, 4 * dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x):
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    def __init__(self, patch, dim):
        super().__init__()
        self.proj = nn.Conv2d(3, dim, patch, patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)  # [B, N, D]


class VisionTransformer(nn.Module):
    def __init__(self, image, patch, dim, depth, heads, drop_path=0.0):
        super().__init__()
        self.patch, self.dim = patch, dim
        self.patch_embed = PatchEmbed(patch, dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, (image // patch) ** 2 + 1, dim))
        rates = torch.linspace(0, drop_path, depth).tolist()
        self.blocks = nn.ModuleList(Block(dim, heads, rate) for rate in rates)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        self.apply(truncated_normal)

    def position(self, height, width):
        """Position embeddings for an image of this size, bicubic, with the official 0.1 added to the target grid."""
        count = self.pos_embed.shape[1] - 1
        rows, columns = height // self.patch, width // self.patch
        if rows * columns == count and height == width:
            return self.pos_embed
        side = math.isqrt(count)
        grid = self.pos_embed[:, 1:].reshape(1, side, side, self.dim).permute(0, 3, 1, 2)
        scale = ((rows + 0.1) / side, (columns + 0.1) / side)
        grid = F.interpolate(grid, scale_factor=scale, mode="bicubic", recompute_scale_factor=False)
        return torch.cat((self.pos_embed[:, :1], grid.flatten(2).transpose(1, 2)), dim=1)

    def forward(self, x):
        B, _, H, W = x.shape
        x = torch.cat((self.cls_token.expand(B, -1, -1), self.patch_embed(x)), dim=1)
        x = x + self.position(H, W)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)[:, 0]  # [B, D]


class NormedLinear(nn.Module):
    """A linear layer without bias whose rows are weight_g * weight_v / |weight_v| (weight normalization, dim 0)."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight_g = nn.Parameter(torch.ones(outputs, 1))
        self.weight_v = nn.Parameter(torch.empty(outputs, inputs))
        nn.init.kaiming_uniform_(self.weight_v, a=math.sqrt(5))

    def forward(self, x):
        return F.linear(x, torch._weight_norm(self.weight_v, self.weight_g, 0))


class Head(nn.Module):
    def __init__(self, inputs, outputs, hidden=2048, bottleneck=256, batch_norm=False, norm_last_layer=True):
        super().__init__()
        layers = []
        for width in (inputs, hidden):
            layers.append(nn.Linear(width, hidden))
            if batch_norm:
                layers.append(nn.BatchNorm1d(hidden))
            layers.append(nn.GELU())
        self.mlp = nn.Sequential(*layers, nn.Linear(hidden, bottleneck))
        self.apply(truncated_normal)
        self.last_layer = NormedLinear(bottleneck, outputs)
        self.last_layer.weight_g.requires_grad_(not norm_last_layer)

    def forward(self, x):
        return self.last_layer(F.normalize(self.mlp(x), dim=-1))


class MultiCrop(nn.Module):
    """Backbone and head over a list of crops: consecutive crops of one size share a forward pass."""

    def __init__(self, backbone, head):
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, crops):
        groups = []
        for crop in crops:
            if groups and groups[-1][-1].shape[-1] == crop.shape[-1]:
                groups[-1].append(crop)
            else:
                groups.append([crop])
        return self.head(torch.cat([self.backbone(torch.cat(group)) for group in groups]))


@torch.no_grad()
def sinkhorn_knopp(logits, temperature, rounds=3):
    """Targets that use all prototypes equally: rows and columns of exp(logits / temperature) are divided by their sums in turn."""
    log_q = logits / temperature
    for _ in range(rounds):
        log_q = F.log_softmax(F.log_softmax(log_q, dim=0), dim=1)
    return log_q.exp()


class Loss(nn.Module):
    """Cross entropy of every (teacher global crop, other student crop) pair, and the running center (or Sinkhorn-Knopp)."""

    def __init__(self, outputs, crops, student_temp=0.1, center_momentum=0.9, centering="center"):
        super().__init__()
        self.crops, self.student_temp, self.center_momentum = crops, student_temp, center_momentum
        self.centering = centering
        self.register_buffer("center", torch.zeros(1, outputs))

    def targets(self, teacher, teacher_temp):
        if self.centering == "sinkhorn":
            return sinkhorn_knopp(teacher, teacher_temp)
        return F.softmax((teacher - self.center) / teacher_temp, dim=-1)

    def forward(self, student, teacher, teacher_temp):
        student, teacher = student.float(), teacher.float()
        targets = self.targets(teacher, teacher_temp).chunk(2)
        logs = F.log_softmax(student / self.student_temp, dim=-1).chunk(self.crops)
        terms = [
            -(target * log).sum(-1).mean()
            for i, target in enumerate(targets)
            for v, log in enumerate(logs)
            if i != v
        ]
        if self.centering == "center":
            with torch.no_grad():
                self.center.lerp_(teacher.mean(0, keepdim=True), 1 - self.center_momentum)
        return sum(terms) / len(terms)


def parameter_groups(model):
    """Two groups: biases and one-dimensional parameters are not decayed."""
    plain, exempt = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (exempt if name.endswith(".bias") or parameter.dim() == 1 else plain).append(parameter)
    return [{"params": plain}, {"params": exempt, "weight_decay": 0.0}]


@torch.no_grad()
def clip_each(parameters, limit):
    """Scale the gradient of each parameter by itself so that its norm is at most `limit`; returns the norms."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms = torch.stack(torch._foreach_norm(gradients))
    for gradient, factor in zip(gradients, (limit / (norms + 1e-6)).tolist()):
        if factor < 1:
            gradient.mul_(factor)
    return norms


@torch.no_grad()
def move_teacher(teacher, student, momentum):
    """teacher = momentum * teacher + (1 - momentum) * student, over parameters, not buffers."""
    torch._foreach_lerp_(list(teacher.parameters()), list(student.parameters()), 1 - momentum)


@dataclass
class Schedule:
    """The scheduled values of one step."""

    lr: float
    weight_decay: float
    momentum: float
    teacher_temp: float
    freeze_last_layer: bool = False


def make_optimizer(student, kind="adamw", fused=False):
    """Learning rate and decay are set in each step. The official code takes AdamW as it comes; `fused` is faster."""
    if kind == "sgd":
        return torch.optim.SGD(parameter_groups(student), lr=0.0, momentum=0.9)
    return torch.optim.AdamW(parameter_groups(student), lr=0.0, fused=fused or None)


def update(student, teacher, optimizer, values, clip):
    """What follows the backward pass: clip, drop the frozen gradients, optimizer, EMA."""
    if clip:
        clip_each(student.parameters(), clip)
    if values.freeze_last_layer:
        for name, parameter in student.named_parameters():
            if "last_layer" in name:
                parameter.grad = None
    plain, exempt = optimizer.param_groups
    plain["lr"] = exempt["lr"] = values.lr
    plain["weight_decay"] = values.weight_decay
    optimizer.step()
    move_teacher(teacher, student, values.momentum)


def objective(student, teacher, loss, crops, teacher_temp, bf16=False):
    """The loss of a batch; `student` and `teacher` may be compiled networks."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        with torch.no_grad():
            target = teacher(crops[:2])
        logits = student(crops)
    return loss(logits, target, teacher_temp)
