import { describe, expect, it } from 'vitest';
import { largestComponent } from '../../src/eval/attention/localization.ts';
import { renderScene, type Scene, sceneClasses, sceneLabel } from '../../src/scenes/scene.ts';
import { shapeAreas } from '../../src/scenes/shapes.ts';

/** The share of scenes whose nearest neighbor by squared distance has the same class. */
function nearestNeighborAccuracy(scenes: readonly Scene[], features: readonly Float32Array[]): number {
  let right = 0;
  features.forEach((feature, i) => {
    let best = Number.POSITIVE_INFINITY;
    let label = -1;
    features.forEach((other, j) => {
      if (i === j) return;
      let distance = 0;
      for (let k = 0; k < feature.length; k++) {
        const difference = feature[k]! - other[k]!;
        distance += difference * difference;
      }
      if (distance < best) {
        best = distance;
        label = scenes[j]!.label;
      }
    });
    if (label === scenes[i]!.label) right++;
  });
  return right / scenes.length;
}

function meanColor(scene: Scene, inside: (pixel: number) => boolean): number[] {
  const sums = [0, 0, 0];
  let count = 0;
  for (let i = 0; i < scene.mask.length; i++) {
    if (!inside(i)) continue;
    count++;
    for (let c = 0; c < 3; c++) sums[c] = sums[c]! + scene.image.data[3 * i + c]!;
  }
  return sums.map((sum) => sum / count);
}

describe('renderScene', () => {
  const scenes = Array.from({ length: 400 }, (_, index) => renderScene(11, index, 32));

  it('is a pure function of seed, index and size', () => {
    const first = renderScene(3, 17, 48);
    renderScene(4, 18, 64);
    const again = renderScene(3, 17, 48);
    expect(again).toEqual(first);
    expect(first.image).toMatchObject({ width: 48, height: 48, channels: 3 });
    expect(first.image.data.length).toBe(48 * 48 * 3);
    expect(renderScene(3, 16, 48).image.data).not.toEqual(first.image.data);
    expect(renderScene(4, 17, 48).image.data).not.toEqual(first.image.data);
  });

  it('gives the label that sceneLabel tells without rendering, each class equally often', () => {
    const counts = new Array<number>(sceneClasses.length).fill(0);
    scenes.forEach((scene, index) => {
      expect(scene.label).toBe(sceneLabel(11, index));
      counts[scene.label] = counts[scene.label]! + 1;
    });
    expect(counts).toEqual(new Array<number>(10).fill(40));
    expect([...sceneClasses].sort()).toEqual(sceneClasses);
  });

  it('covers 5 to 60 percent of the picture with objects, a quarter on average, and no corner', () => {
    const shares: number[] = [];
    for (const { mask } of scenes) {
      const share = mask.reduce((sum, value) => sum + value, 0) / mask.length;
      shares.push(share);
      expect(share).toBeGreaterThan(0.05);
      expect(share).toBeLessThan(0.6);
      const corners = [0, 31, 32 * 31, 32 * 32 - 1];
      expect(corners.some((at) => mask[at] === 1)).toBe(false);
    }
    const mean = shares.reduce((a, b) => a + b, 0) / shares.length;
    expect(mean).toBeGreaterThan(0.22);
    expect(mean).toBeLessThan(0.34);
  });

  it('paints the object just where the mask says', () => {
    // Colors within the object and close around it differ, much more than the surroundings and a half of them do.
    let clearer = 0;
    for (const scene of scenes) {
      const near = (i: number): boolean => {
        for (const step of [-3, 3, -96, 96]) if (scene.mask[i + step] === 1) return scene.mask[i] === 0;
        return false;
      };
      const object = meanColor(scene, (i) => scene.mask[i] === 1);
      const around = meanColor(scene, near);
      const half = meanColor(scene, (i) => near(i) && i % 2 === 0);
      const distance = (a: number[], b: number[]): number =>
        Math.hypot(...a.map((value, c) => value - b[c]!));
      if (distance(object, around) > 4 * distance(half, around)) clearer++;
    }
    expect(clearer / scenes.length).toBeGreaterThan(0.95);
  });

  it('can hardly be classified by colors or by raw pixels', () => {
    const histograms = scenes.map(({ image }) => {
      const histogram = new Float32Array(64);
      for (let i = 0; i < image.data.length; i += 3) {
        const [red = 0, green = 0, blue = 0] = image.data.subarray(i, i + 3);
        const bin = (red >> 6) * 16 + (green >> 6) * 4 + (blue >> 6);
        histogram[bin] = histogram[bin]! + 1;
      }
      return histogram;
    });
    const raw = scenes.map(({ image }) => Float32Array.from(image.data));
    expect(nearestNeighborAccuracy(scenes, histograms)).toBeLessThan(0.25);
    expect(nearestNeighborAccuracy(scenes, raw)).toBeLessThan(0.25);
  });

  it('can be told apart by outline: the largest part of each mask, moved and scaled to one frame, far above chance', () => {
    const outlines = scenes.map(({ mask }) => {
      const { data } = largestComponent({ height: 32, width: 32, data: mask });
      return radialProfile(data, 32);
    });
    expect(nearestNeighborAccuracy(scenes, outlines)).toBeGreaterThan(0.3);
  });

  it('shows objects apart from each other in many pictures', () => {
    const several = scenes.filter(({ mask }) => {
      const { data } = largestComponent({ height: 32, width: 32, data: mask });
      return mask.some((value, i) => value === 1 && data[i] === 0);
    });
    expect(several.length / scenes.length).toBeGreaterThan(0.4);
  });
});

/** How much of the circle at each radius lies in the object: free of position, size and rotation. */
function radialProfile(mask: Uint8Array, size: number): Float32Array {
  let count = 0;
  let cx = 0;
  let cy = 0;
  mask.forEach((value, i) => {
    count += value;
    cx += value * (i % size);
    cy += value * Math.floor(i / size);
  });
  const unit = Math.sqrt(count / Math.PI);
  const profile = new Float32Array(12);
  mask.forEach((value, i) => {
    const radius = Math.hypot((i % size) - cx / count, Math.floor(i / size) - cy / count) / unit;
    const bin = Math.floor(radius * 6);
    if (bin < 12) profile[bin] = profile[bin]! + value / count;
  });
  return profile;
}

describe('shapeAreas', () => {
  it('are those of the outlines that have a formula', () => {
    const area = (name: string): number => shapeAreas[sceneClasses.indexOf(name)]!;
    expect(area('disc')).toBeCloseTo(Math.PI * 0.95 ** 2, 1);
    expect(area('square')).toBeCloseTo(1.42 ** 2, 1);
    expect(area('ring')).toBeCloseTo(Math.PI * (0.97 ** 2 - 0.51 ** 2), 1);
    expect(area('cross')).toBeCloseTo(2 * 1.9 * 0.66 - 0.66 ** 2, 1);
    expect(area('star')).toBeCloseTo(5 * 0.48 * Math.sin(Math.PI / 5), 1);
    expect(area('triangle')).toBeCloseTo((3 * Math.sqrt(3)) / 4, 1);
  });
});
