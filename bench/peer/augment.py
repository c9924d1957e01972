"""DINO's augmentation with torchvision transforms, in two ways.

`pil` takes PIL images through the classic transforms: what the official recipe does. `tensor` is the same recipe with
transforms v2 on uint8 tensors, the other way that torchvision offers (its blur is a sampled Gaussian of 9 taps).
"""
import random

import torch
from PIL import ImageFilter

try:
    import torchvision
except RuntimeError:
    # The transforms need none of torchvision's compiled operators, but its import describes two of them, and fails where
    # its binary does not fit the installed torch (such as a CUDA build of torchvision beside a CPU build of torch).
    missing = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        missing.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision
from torchvision import transforms
from torchvision.transforms import v2

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BICUBIC = transforms.InterpolationMode.BICUBIC


class PilBlur:
    def __init__(self, p, radius):
        self.p, self.radius = p, radius

    def __call__(self, image):
        if random.random() > self.p:
            return image
        return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, self.radius)))


def pil_view(side, scale, blur, solarize, radius):
    steps = [
        transforms.RandomResizedCrop(side, scale=scale, interpolation=BICUBIC),
        transforms.RandomHorizontalFlip(0.5),
        transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
        transforms.RandomGrayscale(0.2),
        PilBlur(blur, radius),
    ]
    if solarize:
        steps.append(transforms.RandomSolarize(128, p=solarize))
    return transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(MEAN, DEVIATION)])


def tensor_view(side, scale, blur, solarize, radius):
    steps = [
        v2.RandomResizedCrop(side, scale=scale, interpolation=BICUBIC, antialias=True),
        v2.RandomHorizontalFlip(0.5),
        v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
        v2.RandomGrayscale(0.2),
        v2.RandomApply([v2.GaussianBlur(9, (0.1, radius))], p=blur),
    ]
    if solarize:
        steps.append(v2.RandomSolarize(128, p=solarize))
    return v2.Compose([*steps, v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, DEVIATION)])


class MultiCropTransform:
    """One image to 2 global and `locals_` local crops, each [3, side, side] float32."""

    def __init__(
        self,
        image=224,
        local=96,
        locals_=8,
        global_scale=(0.4, 1.0),
        local_scale=(0.05, 0.4),
        backend="pil",
        blur_radius=2.0,
    ):
        if backend not in ("pil", "tensor"):
            raise ValueError(f"there is no transform backend {backend!r}: use pil or tensor")
        view = pil_view if backend == "pil" else tensor_view
        self.backend, self.locals = backend, locals_
        self.first = view(image, global_scale, 1.0, 0.0, blur_radius)
        self.second = view(image, global_scale, 0.1, 0.2, blur_radius)
        self.local = view(local, local_scale, 0.5, 0.0, blur_radius)

    def __call__(self, image):
        if self.backend == "tensor":
            image = v2.functional.pil_to_tensor(image)
        return [self.first(image), self.second(image), *(self.local(image) for _ in range(self.locals))]


def evaluation_transform(resize, crop):
    """Resize the short side, crop the center, normalize: how images are seen when features are evaluated."""
    return transforms.Compose(
        [
            transforms.Resize(resize, interpolation=BICUBIC),
            transforms.CenterCrop(crop),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, DEVIATION),
        ]
    )
