/** What a published model card says of commands, numbers and files. */
import { describe, expect, it } from 'vitest';
import { withoutFolders } from '../../src/cli/export/export-card.ts';
import { type CardFacts, modelCard } from '../../src/export/model-card.ts';
import { usualPreprocessing } from '../../src/image/preprocessing.ts';

describe('a command in a card', () => {
  it.each([
    ['npx dino train /home/ann/photos --steps 3', 'npx dino train photos --steps 3'],
    ["npx dino train '/home/ann/my photos/' --init ~/runs/a", "npx dino train 'my photos' --init a"],
    ['npx dino train --output=/tmp/run --lr 0.1', 'npx dino train --output=run --lr 0.1'],
    ["npx dino train 'C:\\Users\\ann\\photos' D:/more", 'npx dino train photos more'],
    // What says nothing of a machine stays.
    ['npx dino train data/photos --init facebook/dino-vits16', undefined],
    ["npx dino train './my photos' ../others", undefined],
  ])('%s names no folder of a machine', (command, said = command) => {
    expect(withoutFolders(command)).toBe(said);
  });
});

describe('the 8-bit file of a card', () => {
  const card = (facts: Pick<CardFacts, 'isQuantized' | 'classes'>): string =>
    modelCard({
      ...{ library: 'transformers.js', network: 'convolutional net', origin: '', folder: 'model' },
      ...{ commands: [], scores: [], multiple: 1, isGray: false, isHalved: true, calibration: undefined },
      ...{ preprocessing: usualPreprocessing(16, 3), ...facts },
    });

  it('of a network without linear layers is a copy, also beside a classifier, which stays in float32', () => {
    expect(card({ isQuantized: false, classes: undefined })).toContain(
      'takes a copy of the float32 file: the network has no linear layers.',
    );
    expect(card({ isQuantized: false, classes: ['a', 'b'] })).toContain(
      'takes a copy of the float32 file: the network has no linear layers besides its classifier, which stays as it is.',
    );
    expect(card({ isQuantized: true, classes: ['a', 'b'] })).toContain(
      "`dtype: 'fp16'` and `dtype: 'q8'` take less space",
    );
  });
});
