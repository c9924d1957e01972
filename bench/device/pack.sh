#!/usr/bin/env bash
# Packs what a bare machine with an accelerator lacks into .device/ of the checkout (git ignores it): Node, and the steps as one file with
# koffi. There, in a copy of the checkout with dist/ and .device/: bash bench/device/run.sh
#
#     npm ci && npm run build && bash bench/device/pack.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p .device/node_modules
xz -T0 -6 -c "$(command -v node)" > .device/node.xz
cp -rL node_modules/koffi .device/node_modules/
[ -d node_modules/@koromix ] && cp -rL node_modules/@koromix .device/node_modules/
npx esbuild bench/device/steps.ts --bundle --platform=node --format=esm --target=node20 \
  --external:koffi --external:onnxruntime-node --external:sharp --outfile=.device/steps.mjs \
  --banner:js="import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);"
du -sh .device
