/** Generated scenes (`src/scenes`) as a data set: no files, so it works anywhere. */
import { luma } from '../image/color.ts';
import { renderScene, sceneClasses, sceneLabel } from '../scenes/scene.ts';
import type { ImageReader, Source, StoredList } from './source.ts';
import type { ScenesSpec } from './source-spec.ts';

/** `count` rendered scenes of `size` x `size` pixels (src/scenes), a pure function of the seed. */
export function scenesSource(options: {
  readonly count: number;
  readonly seed?: number;
  readonly size?: number;
  readonly channels?: 1 | 3;
}): Source & StoredList {
  const { count, seed = 0, size = 64, channels = 3 } = options;
  if (!Number.isInteger(count) || count < 1) {
    throw new Error(`${count} scenes were asked for: give a whole number, 1 or more.`);
  }
  if (!Number.isInteger(size) || size < 8) {
    throw new Error(`Scenes of ${size} pixels were asked for: give a whole number of pixels, 8 or more.`);
  }
  const spec: ScenesSpec = { kind: 'scenes', channels, seed, count, size };
  return {
    name: 'scenes',
    length: count,
    channels,
    classes: sceneClasses,
    label: (index) => sceneLabel(seed, index),
    key: (index) => `scene-${index}`,
    spec,
    open: () => scenesReader(spec),
  };
}

export function scenesReader(spec: ScenesSpec): ImageReader {
  return {
    async read(index) {
      const { image } = renderScene(spec.seed, index, spec.size);
      if (spec.channels === 3) return image;
      const data = new Uint8Array(spec.size * spec.size);
      for (let i = 0; i < data.length; i++) {
        data[i] = luma(image.data[3 * i]!, image.data[3 * i + 1]!, image.data[3 * i + 2]!);
      }
      return { width: spec.size, height: spec.size, channels: 1, data };
    },
    close() {},
  };
}
