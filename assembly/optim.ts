// asc: --importMemory --maximumMemory 65536
/**
 * The update of one parameter in one pass over memory: clipping factor, optimizer, moving average of the teacher.
 * Definitions: src/optim/rules.ts. All pointers are byte offsets of float32 arrays, 16-byte aligned; n is a multiple of 4.
 */

/** Sum of squares. Partial sums of 4096 elements are float32, their total is float64. */
export function sumOfSquares(p: usize, n: usize): f64 {
  let total: f64 = 0;
  let end = p + (n << 2);
  while (p < end) {
    let stop = min(p + 16384, end);
    let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
    for (; p + 64 <= stop; p += 64) {
      let x0 = v128.load(p), x1 = v128.load(p, 16), x2 = v128.load(p, 32), x3 = v128.load(p, 48);
      a = f32x4.add(a, f32x4.mul(x0, x0));
      b = f32x4.add(b, f32x4.mul(x1, x1));
      c = f32x4.add(c, f32x4.mul(x2, x2));
      d = f32x4.add(d, f32x4.mul(x3, x3));
    }
    for (; p < stop; p += 16) {
      let x = v128.load(p);
      a = f32x4.add(a, f32x4.mul(x, x));
    }
    let s = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
    total += <f64>f32x4.extract_lane(s, 0) + <f64>f32x4.extract_lane(s, 1) + <f64>f32x4.extract_lane(s, 2) + <f64>f32x4.extract_lane(s, 3);
  }
  return total;
}

/** AdamW, then teacher <- momentum teacher + (1 - momentum) p. */
export function adamw(
  p: usize, g: usize, m: usize, v: usize, teacher: usize, n: usize,
  clip: f32, decay: f32, beta1: f64, beta2: f64, stepSize: f32, rootCorrection: f32, eps: f32, momentum: f64,
): void {
  let vClip = f32x4.splat(clip), vDecay = f32x4.splat(decay);
  let vB1 = f32x4.splat(<f32>beta1), vC1 = f32x4.splat(<f32>(1 - beta1)); // 1 - beta in double: in float it loses digits
  let vB2 = f32x4.splat(<f32>beta2), vC2 = f32x4.splat(<f32>(1 - beta2));
  let vStep = f32x4.splat(stepSize), vRoot = f32x4.splat(rootCorrection), vEps = f32x4.splat(eps);
  let vM = f32x4.splat(<f32>momentum), vN = f32x4.splat(<f32>(1 - momentum));
  for (let i: usize = 0, bytes = n << 2; i < bytes; i += 16) {
    let x = f32x4.mul(v128.load(p + i), vDecay);
    let grad = f32x4.mul(v128.load(g + i), vClip);
    let m1 = f32x4.add(f32x4.mul(v128.load(m + i), vB1), f32x4.mul(grad, vC1));
    let v1 = f32x4.add(f32x4.mul(v128.load(v + i), vB2), f32x4.mul(f32x4.mul(grad, grad), vC2));
    v128.store(m + i, m1);
    v128.store(v + i, v1);
    let denominator = f32x4.add(f32x4.div(f32x4.sqrt(v1), vRoot), vEps);
    x = f32x4.sub(x, f32x4.mul(f32x4.div(m1, denominator), vStep));
    v128.store(p + i, x);
    v128.store(teacher + i, f32x4.add(f32x4.mul(v128.load(teacher + i), vM), f32x4.mul(x, vN)));
  }
}

/**
 * Momentum SGD and LARS: buffer <- 0.9 buffer + trust (clip g + decay p), p <- p - lr buffer, then the teacher.
 * For SGD trust is 1; for LARS it is eta |p| / |clip g + decay p|, from `decayedSquares`.
 */
export function momentumSgd(
  p: usize, g: usize, buffer: usize, teacher: usize, n: usize,
  clip: f32, decay: f32, trust: f32, mu: f32, lr: f32, momentum: f64,
): void {
  let vClip = f32x4.splat(clip), vDecay = f32x4.splat(decay), vTrust = f32x4.splat(trust);
  let vMu = f32x4.splat(mu), vLr = f32x4.splat(lr);
  let vM = f32x4.splat(<f32>momentum), vN = f32x4.splat(<f32>(1 - momentum));
  for (let i: usize = 0, bytes = n << 2; i < bytes; i += 16) {
    let x = v128.load(p + i);
    let grad = f32x4.add(f32x4.mul(v128.load(g + i), vClip), f32x4.mul(x, vDecay));
    let b = f32x4.add(f32x4.mul(v128.load(buffer + i), vMu), f32x4.mul(grad, vTrust));
    v128.store(buffer + i, b);
    x = f32x4.sub(x, f32x4.mul(b, vLr));
    v128.store(p + i, x);
    v128.store(teacher + i, f32x4.add(f32x4.mul(v128.load(teacher + i), vM), f32x4.mul(x, vN)));
  }
}

/** Sum of squares of clip g + decay p. */
export function decayedSquares(p: usize, g: usize, n: usize, clip: f32, decay: f32): f64 {
  let vClip = f32x4.splat(clip), vDecay = f32x4.splat(decay);
  let total: f64 = 0;
  let bytes = n << 2;
  let i: usize = 0;
  while (i < bytes) {
    let stop = min(i + 16384, bytes);
    let a = f32x4.splat(0);
    for (; i < stop; i += 16) {
      let x = f32x4.add(f32x4.mul(v128.load(g + i), vClip), f32x4.mul(v128.load(p + i), vDecay));
      a = f32x4.add(a, f32x4.mul(x, x));
    }
    total += <f64>f32x4.extract_lane(a, 0) + <f64>f32x4.extract_lane(a, 1) + <f64>f32x4.extract_lane(a, 2) + <f64>f32x4.extract_lane(a, 3);
  }
  return total;
}

/** teacher <- momentum teacher + (1 - momentum) p, for parameters that the optimizer leaves alone. */
export function follow(p: usize, teacher: usize, n: usize, momentum: f64): void {
  let vM = f32x4.splat(<f32>momentum), vN = f32x4.splat(<f32>(1 - momentum));
  for (let i: usize = 0, bytes = n << 2; i < bytes; i += 16) {
    v128.store(teacher + i, f32x4.add(f32x4.mul(v128.load(teacher + i), vM), f32x4.mul(v128.load(p + i), vN)));
  }
}
