"""Peer: one training step of BYOL, SimCLR, MAE, DINOv2, distillation, or of DINO with ResNet-50, on fixed random views.

setup: work (a description of bench/methods.ts), samples (which patches are hidden, drawn by our side), lr, momentum, mode "eager" |
"fused" (eager, with AdamW(fused=True)) | "compile" | "bf16" | "compile-bf16", threads; exchange: a file of our side with weights and
views to begin with. A repetition is zero_grad, forward, loss, backward, clip, AdamW, EMA where there is a teacher.
"""
import torch

from check import read_safetensors
from dino import parameter_groups
from dinov2 import Dinov2
from distill import Distill
from mae import Mae
from method import load
from protocol import serve
from resnet import DinoResNet
from siamese import Byol, Simclr

METHODS = {"byol": Byol, "simclr": Simclr, "mae": Mae, "dinov2": Dinov2, "distill": Distill, "dino": DinoResNet}
MODES = ("eager", "fused", "compile", "bf16", "compile-bf16")
CLIP, WEIGHT_DECAY = 3.0, 0.04


def view_counts(work):
    """How many views of which side follow each other."""
    globals_ = (1 if work["method"] in ("mae", "distill") else 2, work["image"])
    return [globals_, (work["locals"], work["local"])] if "locals" in work else [globals_]


def random_views(work, generator):
    sides = [side for count, side in view_counts(work) for _ in range(count)]
    return [torch.randn(work["batch"], 3, side, side, generator=generator) for side in sides]


def given_views(work, tensors):
    return [view for g, (count, _) in enumerate(view_counts(work)) for view in tensors[f"crops/{g}"].chunk(count)]


def setup(command):
    mode, work = command.get("mode", "eager"), command["work"]
    if mode not in MODES:
        raise ValueError(f"there is no mode {mode!r}: use {', '.join(MODES)}")
    torch.set_num_threads(command.get("threads", 2))
    torch.manual_seed(0)
    method = METHODS[work["method"]](work, command["samples"])
    if "exchange" in command:
        tensors, _ = read_safetensors(command["exchange"])
        for network in ("student", "teacher", "frozen"):
            load(getattr(method, network), tensors, network)
        views = given_views(work, tensors)
    else:
        views = random_views(work, torch.Generator().manual_seed(1))
    optimizer = torch.optim.AdamW(
        parameter_groups(method.student),
        lr=command["lr"],
        betas=method.betas,
        weight_decay=WEIGHT_DECAY,
        fused=mode == "fused" or None,
    )
    objective = torch.compile(method.objective, dynamic=False) if mode.startswith("compile") else method.objective

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mode.endswith("bf16")):
            loss = objective(views)
        loss.backward()
        norms = method.clip(CLIP)
        optimizer.step()
        method.follow(command["momentum"])
        result = {"loss": loss.item(), "gradient": norms.norm().item()}
        if "exchange" in command and method.teacher is not None:
            result["teacher"] = torch.stack([p.double().norm() for p in method.teacher.parameters()]).norm().item()
        return result

    parameters = sum(p.numel() for p in method.student.parameters())
    return step, {"parameters": parameters, "threads": torch.get_num_threads()}


serve(setup, [torch])
