"""Distillation of a frozen network in plain PyTorch: features are turned toward the teacher's, standardized by their own moments."""
import torch
import torch.nn.functional as F
from torch import nn

from method import Method, vit

MOMENTUM = 0.99


class Distill(Method):
    def __init__(self, work, _):
        backbone, teacher = vit(work), vit(work, work["teacher"])
        projection = nn.Linear(backbone.dim, teacher.dim)
        student = nn.ModuleDict({"backbone": backbone, "projection": projection})
        super().__init__(student, frozen=nn.ModuleDict({"backbone": teacher.eval()}))
        self.mean, self.square, self.weight = (torch.zeros(1, n) for n in (teacher.dim, teacher.dim, 1))

    def standardized(self, features):
        """By the moments of the steps before; the first step has none."""
        known = self.weight > 0
        weight = torch.where(known, self.weight, 1)
        mean = self.mean / weight
        deviation = (self.square / weight - mean**2).clamp(min=1e-8).sqrt()
        return torch.where(known, (features - mean) / deviation, features)

    @torch.no_grad()
    def targets(self, images):
        features = self.frozen["backbone"](images).float()
        targets = self.standardized(features)
        self.mean = torch.lerp(self.mean, features.mean(0, keepdim=True), 1 - MOMENTUM)
        self.square = torch.lerp(self.square, features.square().mean(0, keepdim=True), 1 - MOMENTUM)
        self.weight = MOMENTUM * self.weight + 1 - MOMENTUM
        return targets

    def objective(self, views):
        (images,) = views
        targets = self.targets(images)
        projected = self.student["projection"](self.student["backbone"](images)).float()
        return 1 - F.cosine_similarity(projected, targets, dim=-1).mean()
