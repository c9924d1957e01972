"""Drives an exported DINO training step with ONNX Runtime: no PyTorch, no dino-ts.

    npx dino export runs/<run> --train_step --output step
    python train.py step crops.npz [--steps N]       # pip install onnxruntime numpy safetensors

`crops.npz` holds, for each step i and each entry g of the manifest's `crops`, an array "i/g" of shape
[views x batch, channels, size, size], normalized by the manifest's statistics. Prints one loss a line and writes the
arrays it ends with to `<folder>/trained.safetensors`.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime
from safetensors.numpy import load_file, save_file


class Program:
    """An ONNX file whose values are pieces of named arrays, as the manifest says."""

    def __init__(self, folder, border):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        self.session = onnxruntime.InferenceSession(str(folder / border["file"]), options, ["CPUExecutionProvider"])
        self.inputs, self.outputs = border["inputs"], border["outputs"]

    def __call__(self, arrays):
        """Reads its inputs from arrays by name; returns its results by name, flat."""
        feeds = {}
        for view in self.inputs:
            size = int(np.prod(view["shape"]))
            piece = arrays[view["name"]].reshape(-1)[view["offset"] : view["offset"] + size]
            feeds[view["onnx"]] = piece.reshape(view["shape"])
        values = self.session.run([view["onnx"] for view in self.outputs], feeds)
        results = {}
        for view, value in zip(self.outputs, values):  # pieces of one array follow each other
            results.setdefault(view["name"], []).append(value.reshape(-1))
        return {name: np.concatenate(pieces) for name, pieces in results.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("crops", type=Path)
    parser.add_argument("--steps", type=int)
    args = parser.parse_args()
    manifest = json.loads((args.folder / "manifest.json").read_text())
    schedule = json.loads((args.folder / manifest["schedule"]["file"]).read_text())
    gradients, update = (Program(args.folder, manifest["programs"][name]) for name in ("gradients", "update"))
    arrays = load_file(args.folder / manifest["state"]["file"])
    crops = np.load(args.crops)

    rules = manifest["corrections"]
    updates, last_updates = rules["updates"], rules["lastLayerUpdates"]
    for i, numbers in enumerate(schedule[: args.steps]):
        updates += 1
        last_updates += 0 if numbers["freezeLastLayer"] else 1
        scalars = {
            **numbers,
            "correction1": 1 - rules["beta1"] ** updates,
            "correction2": 1 - rules["beta2"] ** updates,
            "lastLayerCorrection1": 1 - rules["beta1"] ** max(last_updates, 1),
            "lastLayerCorrection2": 1 - rules["beta2"] ** max(last_updates, 1),
        }
        arrays |= {f"scalar/{name}": np.float32(value) for name, value in scalars.items()}
        arrays |= {group["name"]: crops[f"{i}/{g}"] for g, group in enumerate(manifest["crops"])}

        results = gradients(arrays)
        print(f"{float(results['loss'][0]):.9g}", flush=True)
        arrays |= {name: value for name, value in results.items() if name.startswith("gradient/")}
        arrays |= update(arrays)
        for name, value in results.items():  # only now: the update has read the state of this step
            if name.startswith("next/"):
                name = name.removeprefix("next/")
                arrays[name if name in arrays else f"state/{name}"] = value

    kept = {name: value for name, value in arrays.items() if name.startswith(("student/", "teacher/"))}
    save_file(kept, args.folder / "trained.safetensors")


main()
