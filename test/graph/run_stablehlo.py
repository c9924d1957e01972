"""Compiles and runs StableHLO text with jaxlib's XLA on the CPU: an independent judge of what the target writes.

run_stablehlo.py <folder>: for every <name>.mlir there reads the inputs <name>.in<i>.npy and writes the results <name>.out<i>.npy.
"""

import glob
import os
import sys

os.environ['JAX_PLATFORMS'] = 'cpu'

import jax  # noqa: E402
import numpy as np  # noqa: E402
from jaxlib import xla_client  # noqa: E402

jax.config.update('jax_enable_x64', True)
devices = jax.local_devices()[:1]

for path in sorted(glob.glob(os.path.join(sys.argv[1], '*.mlir'))):
    name = path[: -len('.mlir')]
    program = devices[0].client.compile_and_load(open(path).read(), devices, xla_client.CompileOptions())
    inputs = []
    while os.path.exists(f'{name}.in{len(inputs)}.npy'):
        inputs.append(jax.device_put(np.load(f'{name}.in{len(inputs)}.npy'), devices[0]))
    results = program.execute_sharded(inputs).disassemble_into_single_device_arrays()
    for i, parts in enumerate(results):
        np.save(f'{name}.out{i}.npy', np.asarray(parts[0]))
