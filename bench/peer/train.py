"""A whole training run of the peer, and the 20-NN accuracy of its teacher.

    python bench/peer/train.py --train <folder or tar> [--test <folder or tar>] --minutes 30 [recipe flags]

The work of the official training script: images from memory, PIL augmentation in DataLoader workers, the DINO step, a
checkpoint and a log line for each epoch. `--minutes` bounds the training by the clock, from the start of the process;
with `--epochs 0` the schedules follow the share of that time that has passed, so that they end when it does.
Lengths that the official code counts in epochs (warm-up, freezing) are shares of the run here.

Prints JSON lines {"minutes", "images", "loss", "imagesPerSecond"}, and at the end one with "knn" and "final": true
(`minutes` is training time, without the evaluation; the rate leaves out the first `--warm` steps).
"""
import argparse
import copy
import json
import math
import os
import time

STARTED = time.perf_counter()

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

from augment import MultiCropTransform, evaluation_transform  # noqa: E402
from convnet import ResidualNet  # noqa: E402
from dino import Head, Loss, MultiCrop, Schedule, VisionTransformer, make_optimizer, objective, update  # noqa: E402
from images import Images  # noqa: E402
from neighbors import classify  # noqa: E402
from protocol import peak_mb  # noqa: E402


def pair(text):
    low, high = (float(part) for part in text.split(","))
    return low, high


def flag(text):
    if text.lower() not in ("true", "false", "1", "0"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() in ("true", "1")


def parse():
    p = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("--train", required=True, help="folder or tar file of images")
    p.add_argument("--test", help="labeled images to classify at the end; the labels are folder names")
    p.add_argument("--bank", help="labeled images to look neighbors up in; default: those of --train")
    p.add_argument("--minutes", type=float, default=30.0, help="training time at most")
    p.add_argument("--epochs", type=int, default=0, help="0: as many as fit in --minutes")
    p.add_argument("--steps", type=int, default=0, help="train so many steps (0: as --minutes and --epochs say)")
    p.add_argument("--out", help="folder for the checkpoint of each epoch")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--mode", choices=("eager", "compile", "bf16"), default="eager")
    p.add_argument("--backend", choices=("pil", "tensor"), default="pil", help="torchvision transforms on these")
    p.add_argument("--warm", type=int, default=10, help="steps that the rate leaves out")
    p.add_argument("--log-every", type=float, default=30.0, help="seconds between lines")
    # network
    p.add_argument("--arch", choices=("vit", "resnet"), default="vit")
    p.add_argument("--dim", type=int, default=128)
    p.add_argument("--depth", type=int, default=6)
    p.add_argument("--heads", type=int, default=4)
    p.add_argument("--patch", type=int, default=4)
    p.add_argument("--drop-path", type=float, default=0.1)
    p.add_argument("--width", type=int, default=32, help="resnet: channels of the first stage")
    p.add_argument("--depths", default="1,1,1", help="resnet: blocks of each stage")
    p.add_argument("--stem-stride", type=int, default=2, help="resnet: how much the stem shrinks the image")
    p.add_argument("--stem", choices=("conv", "patch"), default="conv", help="resnet")
    p.add_argument("--pool-heads", type=int, default=0, help="resnet: heads of the attention that pools the last two maps")
    p.add_argument("--outputs", type=int, default=65536, help="K")
    p.add_argument("--hidden", type=int, default=2048)
    p.add_argument("--bottleneck", type=int, default=256)
    p.add_argument("--bn-in-head", type=flag, default=False)
    p.add_argument("--norm-last-layer", type=flag, default=True)
    # crops
    p.add_argument("--image", type=int, default=224, help="side of the global crops")
    p.add_argument("--local", type=int, default=96, help="side of the local crops")
    p.add_argument("--locals", type=int, default=8)
    p.add_argument("--global-scale", type=pair, default=(0.4, 1.0))
    p.add_argument("--blur-radius", type=float, default=2.0)
    p.add_argument("--local-scale", type=pair, default=(0.05, 0.4))
    # optimization
    p.add_argument("--optimizer", choices=("adamw", "sgd"), default="adamw")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--lr", type=float, default=5e-4, help="for a batch of 256; scaled linearly")
    p.add_argument("--min-lr", type=float, default=1e-6)
    p.add_argument("--warmup", type=float, default=0.1, help="share of the run")
    p.add_argument("--weight-decay", type=float, default=0.04)
    p.add_argument("--weight-decay-end", type=float, default=0.4)
    p.add_argument("--clip", type=float, default=3.0, help="0: off")
    p.add_argument("--freeze", type=float, default=0.01, help="share of the run with a frozen last layer")
    p.add_argument("--momentum", type=float, default=0.996)
    p.add_argument("--student-temp", type=float, default=0.1)
    p.add_argument("--centering", choices=("center", "sinkhorn"), default="center")
    p.add_argument("--center-momentum", type=float, default=0.9)
    p.add_argument("--teacher-temp", type=float, default=0.04)
    p.add_argument("--warmup-teacher-temp", type=float, default=0.04)
    p.add_argument("--warmup-temp", type=float, default=0.0, help="share of the run in which that temperature rises")
    # evaluation
    p.add_argument("--k", type=int, default=20)
    p.add_argument("--eval-resize", type=int, default=0, help="short side; 0: that of the global crops x 256/224")
    p.add_argument("--eval-crop", type=int, default=0, help="0: the side of the global crops")
    return p.parse_args()


def cosine(start, end, share):
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * min(share, 1.0)))


def scheduled(a, share):
    """The values at this share of the run. (An epoch's temperature moves with the steps here.)"""
    peak = a.lr * a.batch / 256
    if share < a.warmup:
        lr = peak * share / a.warmup
    else:
        lr = cosine(peak, a.min_lr, (share - a.warmup) / max(1 - a.warmup, 1e-9))
    rise = min(share / a.warmup_temp, 1.0) if a.warmup_temp > 0 else 1.0
    return Schedule(
        lr=lr,
        weight_decay=cosine(a.weight_decay, a.weight_decay_end, share),
        momentum=cosine(a.momentum, 1.0, share),
        teacher_temp=a.warmup_teacher_temp + (a.teacher_temp - a.warmup_teacher_temp) * rise,
        freeze_last_layer=share < a.freeze,
    )


def build(a, drop_path):
    if a.arch == "vit":
        backbone = VisionTransformer(a.image, a.patch, a.dim, a.depth, a.heads, drop_path)
    else:
        depths = tuple(int(depth) for depth in a.depths.split(","))
        backbone = ResidualNet(a.width, depths, a.stem_stride, a.stem, a.pool_heads)
    head = Head(backbone.dim, a.outputs, a.hidden, a.bottleneck, a.bn_in_head, a.norm_last_layer)
    return MultiCrop(backbone, head)


def save(a, student, teacher, optimizer, loss, epoch):
    os.makedirs(a.out, exist_ok=True)
    state = {
        "student": student.state_dict(),
        "teacher": teacher.state_dict(),
        "optimizer": optimizer.state_dict(),
        "dino_loss": loss.state_dict(),
        "epoch": epoch,
        "args": vars(a),
    }
    torch.save(state, os.path.join(a.out, "checkpoint.pth"))


@torch.no_grad()
def features(a, network, path):
    crop = a.eval_crop or a.image
    transform = evaluation_transform(a.eval_resize or round(crop * 256 / 224), crop)
    images = Images(path, transform)
    rows = [F.normalize(network(batch)) for batch, _ in DataLoader(images, 256, num_workers=a.workers)]
    return torch.cat(rows), [images.classes[label] for label in images.labels]


def evaluate(a, teacher):
    backbone = teacher.backbone.eval()
    bank, names = features(a, backbone, a.bank or a.train)
    tests, wanted = features(a, backbone, a.test)
    number = {name: i for i, name in enumerate(sorted(set(names) | set(wanted)))}
    labels, wanted = (torch.tensor([number[name] for name in part]) for part in (names, wanted))
    return classify(bank, labels, tests, wanted, min(a.k, len(labels)))


def say(**fields):
    print(json.dumps(fields), flush=True)


def main():
    a = parse()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    transform = MultiCropTransform(a.image, a.local, a.locals, a.global_scale, a.local_scale, a.backend, a.blur_radius)
    dataset = Images(a.train, transform)
    if len(dataset) < a.batch:
        raise SystemExit(f"{a.train} holds {len(dataset)} images, less than one batch: give --batch at most that.")
    loader = DataLoader(
        dataset, a.batch, shuffle=True, drop_last=True, num_workers=a.workers, persistent_workers=a.workers > 0
    )
    student = build(a, a.drop_path)
    teacher = build(a, 0.0).requires_grad_(False)
    teacher.load_state_dict(student.state_dict())
    loss = Loss(a.outputs, 2 + a.locals, a.student_temp, a.center_momentum, a.centering)
    optimizer = make_optimizer(student, a.optimizer)
    run_student, run_teacher, run_loss = student, teacher, loss
    if a.mode == "compile":
        run_student, run_teacher, run_loss = (torch.compile(m, dynamic=False) for m in (student, teacher, loss))

    def minutes():
        return (time.perf_counter() - STARTED) / 60

    say(
        parameters=sum(p.numel() for p in student.parameters()),
        trainImages=len(dataset),
        stepsPerEpoch=len(loader),
        torch=str(torch.__version__),
        startMinutes=minutes(),
    )
    total = a.epochs * len(loader) or a.steps
    step, epoch, value, logged, rate_from = 0, 0, math.nan, time.perf_counter(), None

    def done():
        return minutes() >= a.minutes or (a.steps and step >= a.steps) or (total and step >= total)

    def rate():
        if rate_from is None or step <= a.warm:
            return None
        return (step - a.warm) * a.batch / (time.perf_counter() - rate_from)

    while not done():
        for crops, _ in loader:
            values = scheduled(a, step / total if total else min(minutes() / a.minutes, 1.0))
            optimizer.zero_grad(set_to_none=True)
            batch_loss = objective(
                run_student, run_teacher, run_loss, crops, values.teacher_temp, a.mode == "bf16"
            )
            value = batch_loss.item()
            if not math.isfinite(value):
                raise SystemExit(f"The loss is {value} in step {step}: lower --lr or --clip.")
            batch_loss.backward()
            update(student, teacher, optimizer, values, a.clip)
            step += 1
            if step == a.warm:
                rate_from = time.perf_counter()
            if time.perf_counter() - logged > a.log_every:
                logged = time.perf_counter()
                say(minutes=minutes(), images=step * a.batch, loss=value, imagesPerSecond=rate())
            if done():
                break
        epoch += 1
        if a.out:
            save(a, student, teacher, optimizer, loss, epoch)
    final = {"minutes": minutes(), "images": step * a.batch, "loss": value, "imagesPerSecond": rate()}
    trained_mb = peak_mb()
    accuracy = evaluate(a, copy.deepcopy(teacher)) if a.test else None
    say(**final, epochs=epoch, steps=step, knn=accuracy, peakMb=trained_mb, final=True)


if __name__ == "__main__":
    main()
