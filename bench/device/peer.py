"""The same steps in PyTorch on CUDA: python peer.py <seconds> <size>:<batch>:<mode> ...

Sizes as in bench/peer/sizes.py; modes: f32 (TF32 off), tf32, bf16 (autocast), compile-tf32, compile-bf16. One JSON line each.
"""
import copy
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'peer'))

import torch  # noqa: E402
from dino import Schedule, make_optimizer, update  # noqa: E402
from sizes import build_loss, build_network, size_named  # noqa: E402

STEPS, UNSETTLED = 15, 3
deadline = time.perf_counter() + float(sys.argv[1])


def say(**fact):
    print(json.dumps(fact), flush=True)


say(torch=torch.__version__, device=torch.cuda.get_device_name())
for work in sys.argv[2:]:
    name, batch, mode = work.split(':')
    if time.perf_counter() > deadline:
        say(peer=work, left='no time')
        continue
    try:
        size = {**size_named(name), 'batch': int(batch)}
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = 'tf32' in mode
        torch.manual_seed(0)
        student = build_network(size).cuda()
        teacher = copy.deepcopy(student).requires_grad_(False)
        loss = build_loss(size).cuda()
        optimizer = make_optimizer(student, fused=True)
        sides = [size['image']] * 2 + [size['local']] * size['locals']
        crops = [torch.randn(size['batch'], 3, side, side, device='cuda') for side in sides]
        values = Schedule(lr=1e-5, weight_decay=0.04, momentum=0.996, teacher_temp=0.04)
        networks = (student, teacher, loss)
        if mode.startswith('compile'):
            networks = tuple(torch.compile(network, dynamic=False) for network in networks)
        run_student, run_teacher, run_loss = networks

        def step():
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast('cuda', dtype=torch.bfloat16, enabled='bf16' in mode):
                with torch.no_grad():
                    target = run_teacher(crops[:2])
                logits = run_student(crops)
            value = run_loss(logits.float(), target.float(), values.teacher_temp)
            value.backward()
            update(student, teacher, optimizer, values, 3.0)
            return value

        started = time.perf_counter()
        for _ in range(UNSETTLED):
            step()
        torch.cuda.synchronize()
        first = time.perf_counter() - started
        times = []
        for _ in range(STEPS):
            before = time.perf_counter()
            step().item()
            torch.cuda.synchronize()
            times.append(time.perf_counter() - before)
        milliseconds = sorted(times)[len(times) // 2] * 1000
        peak = torch.cuda.max_memory_allocated() / 2**30
        say(peer=work, firstSeconds=first, milliseconds=milliseconds, imagesPerSecond=1000 * size['batch'] / milliseconds, peakGiB=peak)
    except Exception as error:  # the next work may fit
        say(peer=work, error=str(error)[:600])
    student = teacher = optimizer = crops = networks = None
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
