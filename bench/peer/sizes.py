"""The networks and crops of the benchmark tables, by name. The TypeScript side has the same list in bench/sizes.ts."""
import torch

from dino import Head, MultiCrop, VisionTransformer

LARGE_CROPS = {"image": 224, "local": 96, "locals": 8, "patch": 16, "outputs": 65536, "batch": 4}
SIZES = {
    "s": {"dim": 384, "depth": 12, "heads": 6, **LARGE_CROPS},
    "ti": {"dim": 192, "depth": 12, "heads": 3, **LARGE_CROPS},
    "micro": {
        **{"dim": 128, "depth": 6, "heads": 4, "patch": 4, "image": 32},
        **{"local": 16, "locals": 4, "outputs": 1024, "batch": 64},
    },
    "mid": {
        **{"dim": 192, "depth": 6, "heads": 3, "patch": 8, "image": 96},
        **{"local": 48, "locals": 4, "outputs": 1024, "batch": 32},
    },
}
DEFAULTS = {"hidden": 2048, "bottleneck": 256}


def resolve(command):
    """A named size, with every field that the command gives by itself put in its place."""
    name = command.get("model")
    if name is not None and name not in SIZES:
        raise ValueError(f"there is no model {name!r}: use {', '.join(SIZES)}")
    size = {**DEFAULTS, **SIZES.get(name, {})}
    size.update({key: command[key] for key in (*SIZES["s"], *DEFAULTS) if key in command})
    missing = [key for key in SIZES["s"] if key not in size]
    if missing:
        raise ValueError(f"name a model or give {', '.join(missing)}")
    return size


def build_network(size):
    backbone = VisionTransformer(size["image"], size["patch"], size["dim"], size["depth"], size["heads"])
    return MultiCrop(backbone, Head(size["dim"], size["outputs"], size["hidden"], size["bottleneck"]))


def random_crops(size, generator):
    sides = [size["image"]] * 2 + [size["local"]] * size["locals"]
    return [torch.randn(size["batch"], 3, side, side, generator=generator) for side in sides]
