/** Images whose class is their color, so that raw pixels tell them apart; each with a pattern of its own. */
import sharp from 'sharp';
import { Random } from '../../src/random/random.ts';

const colors = [
  [200, 40, 40],
  [40, 180, 60],
  [50, 60, 210],
  [220, 200, 40],
] as const;

/** A PNG of blocks of 8 pixels, a little lighter or darker than the class's color; the number draws them. */
export function colorPhoto(label: number, number: number, width = 48, height = 40): Promise<Buffer> {
  const random = new Random(number, 'photo', label);
  const [across, down] = [Math.ceil(width / 8), Math.ceil(height / 8)];
  const shades = Array.from({ length: across * down }, () => random.between(-40, 40));
  const data = Buffer.alloc(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const shade = shades[Math.floor(y / 8) * across + Math.floor(x / 8)] ?? 0;
    for (let c = 0; c < 3; c++)
      data[3 * i + c] = Math.max(0, Math.min(255, (colors[label % 4]?.[c] ?? 0) + shade));
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
