"""Proves that dino.py computes DINO: runs the official training fixtures through it and prints the errors.

    python bench/peer/check.py <folder with train_adamw*.safetensors>

The fixtures hold crops, initial weights, schedules, and what the official code computed from them: losses, gradients,
weights of student and teacher, centers. Exits with 1 when an error is above its limit.
"""
import copy
import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch

from dino import Head, Loss, MultiCrop, Schedule, VisionTransformer, make_optimizer, objective, update

TYPES = {"F32": np.float32, "F64": np.float64, "I64": np.int64}
LIMITS = {"loss": 1e-4, "center": 1e-4, "gradient": 1e-4, "weight": 2e-5}


def read_safetensors(path):
    """All tensors of a file by name, and its `config`."""
    raw = Path(path).read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    config = json.loads(header.pop("__metadata__")["config"])
    tensors = {}
    for name, entry in header.items():
        start, stop = entry["data_offsets"]
        data = np.frombuffer(raw[8 + size + start : 8 + size + stop], TYPES[entry["dtype"]])
        tensors[name] = torch.from_numpy(data.reshape(entry["shape"]).copy())
    return tensors, config


def without_null_slices(name, value, slices):
    """The flat tensor without the elements whose gradient is zero in exact arithmetic (only rounding moves them)."""
    value = value.detach().flatten().double().clone()
    for other, start, stop in slices:
        if other == name:
            value[start:stop] = 0
    return value


def build(config):
    args, head = config["args"], config["head"]
    vit = config["vit"]
    network = MultiCrop(
        VisionTransformer(vit["img_size"], vit["patch_size"], vit["embed_dim"], vit["depth"], vit["num_heads"]),
        Head(
            vit["embed_dim"],
            head["out_dim"],
            head["hidden_dim"],
            head["bottleneck_dim"],
            args["use_bn_in_head"],
            args["norm_last_layer"],
        ),
    )
    return network, Loss(head["out_dim"], 2 + args["local_crops_number"])


def check(path):
    """The largest errors of one fixture by kind."""
    tensors, config = read_safetensors(path)
    args, slices = config["args"], config["null_slices"]
    student, loss = build(config)
    student.load_state_dict({k[5:]: v for k, v in tensors.items() if k.startswith("init/")}, strict=True)
    teacher = copy.deepcopy(student).requires_grad_(False)
    optimizer = make_optimizer(student)
    worst = dict.fromkeys(LIMITS, 0.0)

    def note(kind, error):
        worst[kind] = max(worst[kind], float(error))

    def compare_state(prefix, network):
        for name, value in network.state_dict().items():
            if f"{prefix}/{name}" in tensors and "running_mean" not in name:
                wanted = without_null_slices(name, tensors[f"{prefix}/{name}"], slices)
                note("weight", (without_null_slices(name, value, slices) - wanted).abs().max())

    for it in range(len(tensors["loss"])):
        step, epoch = it + 1, it // config["niter_per_ep"]
        crops = [tensors[f"images@{step}/crop{j}"] for j in range(2 + args["local_crops_number"])]
        values = Schedule(
            lr=tensors["schedule/lr"][it].item(),
            weight_decay=tensors["schedule/wd"][it].item(),
            momentum=tensors["schedule/momentum"][it].item(),
            teacher_temp=tensors["schedule/teacher_temp"][epoch].item(),
            freeze_last_layer=epoch < args["freeze_last_layer"],
        )
        optimizer.zero_grad(set_to_none=True)
        value = objective(student, teacher, loss, crops, values.teacher_temp)
        value.backward()
        note("loss", abs(value.item() - tensors["loss"][it].item()))
        note("center", (loss.center - tensors[f"center_after@{step}"]).abs().max())
        for name, parameter in student.named_parameters():
            wanted = tensors.get(f"grad@{step}/{name}")
            if wanted is not None:
                wanted = without_null_slices(name, wanted, slices)
                error = (without_null_slices(name, parameter.grad, slices) - wanted).norm()
                note("gradient", error / wanted.norm().clamp(min=1e-12) if wanted.norm() > 1e-6 else error)
        update(student, teacher, optimizer, values, args["clip_grad"])
        compare_state(f"student@{step}", student)
        compare_state(f"teacher@{step}", teacher)
    return worst


def main():
    if len(sys.argv) != 2:
        sys.exit("Give the folder that holds train_adamw*.safetensors.")
    files = sorted(Path(sys.argv[1]).glob("train_adamw*.safetensors"))
    if not files:
        sys.exit(f"There is no train_adamw*.safetensors in {sys.argv[1]}: give the folder of the official fixtures.")
    missed = False
    for file in files:
        worst = check(file)
        words = []
        for kind, error in worst.items():
            bad = not error <= LIMITS[kind]
            missed = missed or bad
            words.append(f"{kind} {error:.1e}{' (limit ' + format(LIMITS[kind], '.0e') + ')' if bad else ''}")
        print(f"{file.name}: {', '.join(words)}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
