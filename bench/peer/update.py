"""Peer: what follows the backward pass, alone: clip each gradient, AdamW, EMA teacher.

setup: model as in step.py (default "s": ViT-S/16 with 65536 outputs), threads, optimizer "fused" | "foreach" |
"default". The gradients are there and are not changed: their norms are below the clip limit.
"""
import copy

import torch

from dino import Schedule, make_optimizer, parameter_groups, update
from protocol import serve
from sizes import build_network, size_named


def setup(command):
    torch.set_num_threads(command.get("threads", 2))
    torch.manual_seed(0)
    student = build_network(size_named(command.get("model", "s")))
    teacher = copy.deepcopy(student).requires_grad_(False)
    flags = {"fused": {"fused": True}, "foreach": {"foreach": True}, "default": {}}
    kind = command.get("optimizer", "fused")
    if kind not in flags:
        raise ValueError(f"there is no optimizer {kind!r}: use {', '.join(flags)}")
    if kind == "fused":
        optimizer = make_optimizer(student, fused=True)
    else:
        optimizer = torch.optim.AdamW(parameter_groups(student), lr=0.0, **flags[kind])
    for parameter in student.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.randn_like(parameter) * 1e-4
    values = Schedule(lr=1e-5, weight_decay=0.04, momentum=0.996, teacher_temp=0.04)
    parameters = sum(p.numel() for p in student.parameters())
    return lambda: update(student, teacher, optimizer, values, 3.0), {"parameters": parameters}


serve(setup, [torch])
