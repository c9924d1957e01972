"""DINOv2 (Oquab et al. 2023) in plain PyTorch: class tokens, hidden patches (iBOT), and KoLeo, with Sinkhorn-Knopp targets."""
import copy

import torch
import torch.nn.functional as F
from torch import nn

from dino import Block, Head, VisionTransformer, sinkhorn_knopp
from method import Method

STUDENT_TEMP, TEACHER_TEMP, KOLEO_WEIGHT = 0.1, 0.04, 0.1


class LayerScale(nn.Module):
    def __init__(self, dim, start):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((dim,), start))

    def forward(self, x):
        return x * self.gamma


class ScaledBlock(Block):
    def __init__(self, dim, heads):
        super().__init__(dim, heads, 0.0)
        self.ls1, self.ls2 = LayerScale(dim, 0.1), LayerScale(dim, 0.1)

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class MaskedTransformer(VisionTransformer):
    """With registers, layer scale, and a token in place of hidden patches."""

    def __init__(self, image, patch, dim, depth, heads, registers):
        super().__init__(image, patch, dim, 0, heads)
        self.registers = registers
        self.blocks = nn.ModuleList(ScaledBlock(dim, heads) for _ in range(depth))
        self.register_tokens = nn.Parameter(torch.zeros(1, registers, dim))
        self.mask_token = nn.Parameter(torch.zeros(1, dim))
        nn.init.normal_(self.register_tokens, std=1e-6)

    def forward(self, x, masks=None):
        """Images [B, 3, H, W], masks [B, N] -> class tokens [B, D] and patches [B, N, D]"""
        B, _, H, W = x.shape
        patches = self.patch_embed(x)
        if masks is not None:
            patches = torch.where(masks[:, :, None], self.mask_token.to(patches.dtype), patches)
        x = torch.cat((self.cls_token.expand(B, -1, -1), patches), dim=1) + self.position(H, W)
        x = torch.cat((x[:, :1], self.register_tokens.expand(B, -1, -1), x[:, 1:]), dim=1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return x[:, 0], x[:, 1 + self.registers :]


def koleo(x):
    """Features of different images keep away from their nearest neighbors. [B, D] -> []"""
    u = F.normalize(x, dim=-1, eps=1e-8)
    with torch.no_grad():
        nearest = (u @ u.T).fill_diagonal_(-1).argmax(dim=1)
    return -(F.pairwise_distance(u, u[nearest], eps=1e-8) + 1e-8).log().mean()


def cross_entropy(targets, logits):
    """Of each row. [..., K] -> [...]"""
    return -(targets * F.log_softmax(logits / STUDENT_TEMP, dim=-1)).sum(-1)


class Dinov2(Method):
    def __init__(self, work, samples):
        shape = {k: v for k, v in work["network"].items() if k != "kind"}
        backbone = MaskedTransformer(work["image"], **shape, registers=work["registers"])
        head = Head(backbone.dim, work["outputs"], work["hidden"], work["bottleneck"], norm_last_layer=False)
        student = nn.ModuleDict({"backbone": backbone, "dino_head": head})
        super().__init__(student, copy.deepcopy(student))
        self.locals = work["locals"]
        views, patches = 2 * work["batch"], (work["image"] // backbone.patch) ** 2
        self.hidden = torch.tensor([i for i in samples["hidden"] if i < views * patches])
        self.masks = torch.zeros(views * patches, dtype=torch.bool)
        self.masks[self.hidden] = True
        self.masks = self.masks.view(views, patches)
        self.weights = (1 / self.masks.sum(1).clamp(min=1))[:, None].expand(-1, patches)[self.masks]

    def of_hidden(self, patches):
        return patches.flatten(0, 1)[self.hidden]

    @torch.no_grad()
    def targets(self, views):
        """Of the class tokens, the second view's first [2B, K], and of the hidden patches."""
        cls, patches = self.teacher["backbone"](views)
        cls = cls.roll(len(cls) // 2, 0)
        logits = self.teacher["dino_head"](torch.cat((cls, self.of_hidden(patches)))).float()
        return [sinkhorn_knopp(part, TEACHER_TEMP) for part in logits.split([len(cls), len(self.hidden)])]

    def objective(self, views):
        large, small = torch.cat(views[:2]), torch.cat(views[2:])
        batch, backbone = len(views[0]), self.student["backbone"]
        for_cls, for_patches = self.targets(large)
        cls, patches = backbone(large, self.masks)
        small_cls, _ = backbone(small)
        tokens = torch.cat((cls, small_cls, self.of_hidden(patches)))
        logits = self.student["dino_head"](tokens).float()
        of_large, of_small, of_patches = logits.split([2 * batch, self.locals * batch, len(self.hidden)])

        both = for_cls[:batch] + for_cls[batch:]
        pairs = cross_entropy(for_cls, of_large).sum()
        pairs = pairs + cross_entropy(both, of_small.view(self.locals, batch, -1)).sum()
        dino = pairs / ((2 + 2 * self.locals) * batch)
        ibot = (cross_entropy(for_patches, of_patches) * self.weights).sum() / (2 * batch)
        return dino + ibot + KOLEO_WEIGHT * sum(koleo(part) for part in cls.float().chunk(2))

    def clip(self, limit):
        return torch.stack([nn.utils.clip_grad_norm_(m.parameters(), limit) for m in self.student.values()])
