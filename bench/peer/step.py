"""Peer: one whole DINO training step on fixed random crops.

setup: model "s" | "ti" | "micro" | "convnet" | "hybrid" (see sizes.py), mode "eager" | "fused" (eager, with
AdamW(fused=True)) | "compile" | "bf16" | "compile-bf16", threads, clip. A repetition is zero_grad, teacher and student forward, loss, center, backward, clip,
AdamW, EMA.
"""
import copy

import torch

from dino import Schedule, make_optimizer, objective, update
from protocol import serve
from sizes import build_loss, build_network, random_crops, size_named

MODES = ("eager", "fused", "compile", "bf16", "compile-bf16")


def setup(command):
    mode, clip = command.get("mode", "eager"), command.get("clip", 3.0)
    if mode not in MODES:
        raise ValueError(f"there is no mode {mode!r}: use {', '.join(MODES)}")
    torch.set_num_threads(command.get("threads", 2))
    torch.manual_seed(0)
    size = size_named(command.get("model"))
    student = build_network(size)
    teacher = copy.deepcopy(student).requires_grad_(False)
    loss = build_loss(size)
    optimizer = make_optimizer(student, fused=mode == "fused")
    crops = random_crops(size, torch.Generator().manual_seed(1))
    values = Schedule(lr=1e-5, weight_decay=0.04, momentum=0.996, teacher_temp=0.04)
    bf16 = mode.endswith("bf16")
    run_student, run_teacher, run_loss = student, teacher, loss
    if mode.startswith("compile"):
        # Each network sees one set of shapes only, so nothing is gained by dynamic shapes.
        run_student, run_teacher, run_loss = (torch.compile(m, dynamic=False) for m in (student, teacher, loss))

    def step():
        optimizer.zero_grad(set_to_none=True)
        objective(run_student, run_teacher, run_loss, crops, values.teacher_temp, bf16).backward()
        update(student, teacher, optimizer, values, clip)

    parameters = sum(p.numel() for p in student.parameters())
    return step, {"parameters": parameters, "threads": torch.get_num_threads()}


serve(setup, [torch])
