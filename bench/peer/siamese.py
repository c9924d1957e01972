"""BYOL (Grill et al. 2020) and SimCLR (Chen et al. 2020) in plain PyTorch."""
import copy

import torch
import torch.nn.functional as F
from torch import nn

from method import Method, NormedHead, vit


class Byol(Method):
    """The views pass one after the other, so that each has its own batch statistics."""

    def __init__(self, work, _):
        backbone, sizes = vit(work), (work["hidden"], work["outputs"])
        projector = NormedHead(backbone.dim, *sizes, hidden_bias=True)
        teacher = nn.ModuleDict({"backbone": backbone, "projection_head": projector})
        predictor = NormedHead(work["outputs"], *sizes, hidden_bias=True)
        student = nn.ModuleDict({**copy.deepcopy(teacher), "prediction_head": predictor})
        super().__init__(student, teacher)

    @staticmethod
    def project(network, view):
        return network["projection_head"](network["backbone"](view))

    def objective(self, views):
        with torch.no_grad():
            targets = [self.project(self.teacher, view).float() for view in views]
        predictions = [self.student["prediction_head"](self.project(self.student, view)).float() for view in views]
        cosines = [F.cosine_similarity(p, z, dim=-1).mean() for p, z in zip(predictions, reversed(targets))]
        return 4 - 2 * sum(cosines)


class Simclr(Method):
    """Both views pass together."""

    def __init__(self, work, _):
        backbone = vit(work)
        head = NormedHead(backbone.dim, work["hidden"], work["outputs"], last_norm=True)
        super().__init__(nn.ModuleDict({"backbone": backbone, "projection_head": head}))
        self.temperature = work["temperature"]

    def objective(self, views):
        z = self.student["projection_head"](self.student["backbone"](torch.cat(views)))
        u = F.normalize(z.float(), dim=-1)
        rows = torch.arange(len(u))
        similarity = (u @ u.T / self.temperature).fill_diagonal_(float("-inf"))
        return F.cross_entropy(similarity, rows.roll(len(u) // 2))
