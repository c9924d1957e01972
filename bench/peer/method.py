"""What the peers of the table `methods` have in common: a student, perhaps a teacher, and an objective."""
import torch
from torch import nn

from dino import VisionTransformer, clip_each, move_teacher


class Method:
    """`student` and `teacher` are modules whose parameters have the names that the library gives them."""

    betas = (0.9, 0.999)

    def __init__(self, student, teacher=None, frozen=None):
        self.student, self.teacher, self.frozen = student, teacher, frozen
        for module in (teacher, frozen):
            if module is not None:
                module.requires_grad_(False)

    def objective(self, views):
        """The loss of views [B, 3, S, S]."""
        raise NotImplementedError

    def clip(self, limit):
        """Returns the norms of the gradients before."""
        return clip_each(self.student.parameters(), limit)

    def follow(self, momentum):
        """The teacher has some of the student's modules."""
        for name, module in self.teacher.named_children() if self.teacher else ():
            move_teacher(module, self.student[name], momentum)


def vit(work, network=None):
    shape = {k: v for k, v in (network or work["network"]).items() if k != "kind"}
    return VisionTransformer(work["image"], **shape)


class NormedHead(nn.Module):
    """Linear, batch norm, ReLU, linear, as in the codes of SimCLR and BYOL, which differ in biases and in a last norm."""

    def __init__(self, inputs, hidden, outputs, hidden_bias=False, last_norm=False):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden, bias=hidden_bias),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, outputs, bias=False),
            *([nn.BatchNorm1d(outputs)] if last_norm else []),
        )

    def forward(self, x):
        return self.layers(x)


@torch.no_grad()
def load(module, tensors, network):
    """Parameters by name from a file of ours; running statistics stay as they are at the start."""
    given = {k[len(network) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{network}/")}
    parameters = dict(module.named_parameters()) if module is not None else {}
    if parameters.keys() != given.keys():
        raise ValueError(f"the parameters of the {network} differ: {sorted(parameters.keys() ^ given.keys())}")
    for name, parameter in parameters.items():
        parameter.copy_(given[name].view_as(parameter))
