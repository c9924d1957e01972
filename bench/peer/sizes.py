"""The networks and crops of the benchmark tables, by name. The TypeScript side has the same list in bench/sizes.ts."""
import torch

from convnet import ResidualNet
from dino import Head, Loss, MultiCrop, VisionTransformer

HEAD = {"hidden": 2048, "bottleneck": 256, "head_norm": False}
LARGE = {**HEAD, "image": 224, "local": 96, "locals": 8, "outputs": 65536, "batch": 4}
SIZES = {
    "s": {**LARGE, "vit": {"dim": 384, "depth": 12, "heads": 6, "patch": 16}},
    "ti": {**LARGE, "vit": {"dim": 192, "depth": 12, "heads": 3, "patch": 16}},
    "micro": {
        **HEAD,
        "vit": {"dim": 128, "depth": 6, "heads": 4, "patch": 4},
        **{"image": 32, "local": 16, "locals": 4, "outputs": 1024, "batch": 64},
    },
    "ti32": {
        **HEAD,
        "vit": {"dim": 192, "depth": 12, "heads": 3, "patch": 4},
        **{"image": 32, "local": 16, "locals": 4, "outputs": 4096, "batch": 256},
    },
    "mid": {
        **HEAD,
        "vit": {"dim": 192, "depth": 6, "heads": 3, "patch": 8},
        **{"image": 96, "local": 48, "locals": 4, "outputs": 1024, "batch": 32},
    },
    "convnet": {
        **{"hidden": 512, "bottleneck": 128, "head_norm": True},
        "convnet": {"width": 32, "depths": (1, 1, 1), "stem_stride": 2},
        **{"image": 32, "local": 16, "locals": 0, "outputs": 1024, "batch": 128},
    },
    "hybrid": {
        **{"hidden": 512, "bottleneck": 128, "head_norm": True, "centering": "sinkhorn"},
        "convnet": {"width": 32, "depths": (0, 1, 1), "stem_stride": 2, "heads": 24},
        **{"image": 24, "local": 16, "locals": 0, "outputs": 256, "batch": 128},
    },
    "hybrid48": {
        **{"hidden": 512, "bottleneck": 128, "head_norm": True, "centering": "sinkhorn"},
        "convnet": {"width": 32, "depths": (0, 1, 1), "stem_stride": 4, "stem": "patch", "heads": 24},
        **{"image": 48, "local": 24, "locals": 4, "outputs": 256, "batch": 128},
    },
}


def size_named(name):
    if name not in SIZES:
        raise ValueError(f"there is no model {name!r}: use {', '.join(SIZES)}")
    return SIZES[name]


def build_network(size):
    if "vit" in size:
        backbone = VisionTransformer(size["image"], **size["vit"])
    else:
        backbone = ResidualNet(**size["convnet"])
    head = Head(backbone.dim, size["outputs"], size["hidden"], size["bottleneck"], batch_norm=size["head_norm"])
    return MultiCrop(backbone, head)


def build_loss(size):
    return Loss(size["outputs"], 2 + size["locals"], centering=size.get("centering", "center"))


def random_crops(size, generator):
    sides = [size["image"]] * 2 + [size["local"]] * size["locals"]
    return [torch.randn(size["batch"], 3, side, side, generator=generator) for side in sides]
