"""Peer: labels carried through a video, as the official evaluation describes it, in plain PyTorch.

setup: frames, threads. A repetition is one video of 480 x 832: tokens of every frame by ViT-S/16, affinity to the first and
the 7 frames before within 12 patches, top 5, soft masks carried on, hard masks by upsampling, min-max and arg max.
"""
import torch
import torch.nn.functional as F

from plain_weights import plain_vit
from protocol import serve
from rows import grouped_rows

HEIGHT, WIDTH, PATCH, MOVE = 480, 832, 16, 8
ROWS, COLUMNS = HEIGHT // PATCH, WIDTH // PATCH
LAST_FRAMES, NEIGHBORHOOD, TOPK, TEMPERATURE = 7, 12, 5, 0.1


def tokens_of(model, x):
    """Normalized tokens of the patches [N, D]."""
    x = torch.cat((model.cls_token, model.patch_embed(x)), dim=1) + model.position(HEIGHT, WIDTH)
    for block in model.blocks:
        x = block(x)
    return F.normalize(model.norm(x)[0, 1:], dim=1)


def neighborhood():
    rows, columns = torch.meshgrid(torch.arange(ROWS), torch.arange(COLUMNS), indexing="ij")
    rows, columns = rows.flatten(), columns.flatten()
    near = lambda at: (at[:, None] - at[None]).abs() <= NEIGHBORHOOD
    return (near(rows) & near(columns)).float()


def propagate(target, sources, masks, near):
    """Soft masks [C, N] of the target from those of the sources [S, C, N]."""
    affinity = torch.exp(torch.stack(sources) @ target.t() / TEMPERATURE) * near  # [S, N, N]
    affinity = affinity.flatten(0, 1)  # [S N, N]
    kept = affinity.topk(TOPK, dim=0).values[-1]
    affinity[affinity < kept] = 0
    affinity /= affinity.sum(0, keepdim=True)
    return torch.stack(masks).transpose(0, 1).flatten(1) @ affinity


def hard_mask(soft):
    large = F.interpolate(soft.view(1, -1, ROWS, COLUMNS), scale_factor=PATCH, mode="bilinear", align_corners=False)[0]
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    large = torch.where(high > 0, (large - low) / (high - low), large)
    return large.argmax(0)


def setup(command):
    torch.set_num_threads(command.get("threads", 2))
    model = plain_vit()
    image = torch.from_numpy(grouped_rows(3 * HEIGHT, WIDTH, 40)).flatten()
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    mask = torch.where(y < 160, 0, torch.where(x < 300, 1, torch.where((x < 620) & (y < 400), 2, 0)))
    near = neighborhood()

    @torch.no_grad()
    def work():
        first, recent = None, []
        for frame in range(command.get("frames", 40)):
            tokens = tokens_of(model, image.roll(frame * MOVE).view(1, 3, HEIGHT, WIDTH))
            if first is None:
                grid = mask[PATCH // 2 :: PATCH, PATCH // 2 :: PATCH]
                first, hard = (tokens, F.one_hot(grid.flatten()).t().float()), mask
                continue
            sources, masks = zip(first, *recent)
            soft = propagate(tokens, sources, masks, near)
            hard = hard_mask(soft)
            recent = [*recent, (tokens, soft)][-LAST_FRAMES:]
        return {f"label {label}": int((hard == label).sum()) for label in (1, 2)}

    return work, {}


serve(setup, [torch])
