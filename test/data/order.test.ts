import { describe, expect, it } from 'vitest';
import { epochOrder, SampleOrder, stepsPerEpoch } from '../../src/data/order.ts';

describe('epochOrder', () => {
  it('is a permutation that depends on the seed and on the epoch', () => {
    const order = epochOrder(7, 0, 100);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(epochOrder(7, 0, 100)).toEqual(order);
    expect(epochOrder(7, 1, 100)).not.toEqual(order);
    expect(epochOrder(8, 0, 100)).not.toEqual(order);
  });
});

describe('SampleOrder', () => {
  it('drops what is left over after the last whole batch, as the official loader does', () => {
    const order = new SampleOrder(10, 4, 3);
    expect(order.stepsPerEpoch).toBe(2);
    const seen = [0, 1].flatMap((step) => [0, 1, 2, 3].map((slot) => order.sampleAt(step, slot)));
    expect(new Set(seen).size).toBe(8);
    expect(seen).toEqual([...epochOrder(3, 0, 10).slice(0, 8)]);
    expect([0, 1, 2, 3].map((step) => order.epochOf(step))).toEqual([0, 0, 1, 1]);
    expect(order.sampleAt(2, 0)).toBe(epochOrder(3, 1, 10)[0]);
  });

  it('is a pure function of the step: asked backwards or by another object it gives the same samples', () => {
    const forwards = new SampleOrder(23, 5, 1);
    const places = Array.from({ length: 12 }, (_, step) => step);
    const expected = places.map((step) => forwards.sampleAt(step, 2));
    const backwards = new SampleOrder(23, 5, 1);
    expect(places.toReversed().map((step) => backwards.sampleAt(step, 2))).toEqual(expected.toReversed());
    expect(new SampleOrder(23, 5, 1).sampleAt(11, 2)).toBe(expected[11]);
  });

  it('visits every sample once when it looks further, the dropped ones too', () => {
    const order = new SampleOrder(7, 3, 0);
    const visited = Array.from({ length: 7 }, (_, further) => order.sampleAt(1, 2, further));
    expect(new Set(visited).size).toBe(7);
    expect(visited[1]).toBe(epochOrder(0, 0, 7)[6]);
    expect(visited[2]).toBe(epochOrder(0, 0, 7)[0]);
  });

  it('refuses a batch larger than the data set and names the way out', () => {
    expect(() => new SampleOrder(20, 64, 0)).toThrow(
      'A batch of 64 is larger than the data set of 20 images: set the batch size to 20 or less, or add images.',
    );
    expect(() => stepsPerEpoch(20, 0)).toThrow('The batch size is 0');
    expect(() => stepsPerEpoch(20, 2.5)).toThrow('The batch size is 2.5');
    expect(stepsPerEpoch(20, 20)).toBe(1);
  });
});
