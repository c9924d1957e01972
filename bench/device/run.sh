#!/usr/bin/env bash
# What an accelerator does, in one go of at most 14 minutes: are its losses right, how long do steps take beside PyTorch on the same
# card, what does CIFAR-10 reach in five minutes. Every line is JSON or a heading.
#
#     bash bench/device/run.sh [plugin: name or file] [CIFAR-10: a folder with train.tar and test.tar]
#
# In a checkout after `npm ci && npm run build`, or in a copy that `bench/device/pack.sh` made (then with its own Node). PyTorch is that of
# $PYTHON (python3).
set -uo pipefail
cd "$(dirname "$0")/../.."
plugin=${1:-cuda13} cifar=${2:-} python=${PYTHON:-python3}
if [ -d .device ]; then
  [ -x .device/node ] || { xz -dkf .device/node.xz && chmod +x .device/node; }
  export PATH="$PWD/.device:$PATH"
  steps=(node .device/steps.mjs)
else
  steps=(npx tsx bench/device/steps.ts)
fi
# Libraries and the plugin of the JAX that this Python has.
site=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' 2>/dev/null || true)
[ -n "$site" ] && export VIRTUAL_ENV=${VIRTUAL_ENV:-$(dirname "$(dirname "$(dirname "$site")")")}

echo '== machine'
nvidia-smi -L 2>/dev/null || echo 'no nvidia-smi'
timeout 60 node dist/cli/main.js devices --json --pjrt_plugin "$plugin" || echo "devices: exit $?"

echo '== right'
timeout 150 "${steps[@]}" "$plugin" 140 check:micro:16 check:hybrid:32 || echo "checks: exit $?"

echo '== steps'   # the most telling first
timeout 300 "${steps[@]}" "$plugin" 240 ti32:512:bf16 micro:512:bf16 hybrid:128:f32 micro:64:f32 ti32:512:f32 ti32:512:tf32 \
  s:32:bf16 s:32:f32 s:128:bf16 s:128:tf32 s:128:f32 || echo "steps: exit $?"

echo '== PyTorch'
timeout 200 "$python" bench/device/peer.py 170 ti32:512:bf16 micro:512:bf16 hybrid:128:f32 micro:64:f32 ti32:512:f32 ti32:512:tf32 \
  s:32:bf16 s:32:f32 s:128:bf16 s:128:tf32 s:128:f32 ti32:512:compile-bf16 s:128:compile-bf16 || echo "PyTorch: exit $?"

if [ -n "$cifar" ]; then
  echo '== CIFAR-10, five minutes'
  out=$(mktemp -d)
  timeout 420 node dist/cli/main.js train "$cifar/train.tar" --device xla --pjrt_plugin "$plugin" --minutes 5 --output_dir "$out/run" 2>&1 | tail -5
  timeout 120 node dist/cli/main.js eval knn "$out/run" --train "$cifar/train.tar" --test "$cifar/test.tar" --json --device xla --pjrt_plugin "$plugin"
fi
