/** Whether images have classes, as an option. */
import { z } from 'zod';
import { labelChoices } from '../data/source.ts';

export const labelsField = z
  .enum(labelChoices)
  .describe(
    'auto: class folders are classes, and albums by date or of a camera (2021, 100APPLE) are none; folders: those are classes too; none: no image has a class; auto unless given',
  );
