/**
 * The components of DINO that can be left out or exchanged: what `dino ablate` trains beside the base. Where the base has an
 * option already, as Sinkhorn-Knopp in the recipe of small networks, the variant that says so is left out, and its opposite stays.
 */
import type { Variant } from './definition.ts';

export const dinoVariants: readonly Variant[] = [
  {
    name: 'no-momentum',
    title: 'no momentum: the teacher is the student itself',
    source: 'Table 7, row 2',
    options: { teacherRule: 'student' },
  },
  {
    name: 'sinkhorn',
    title: 'Sinkhorn-Knopp in place of the center',
    source: 'Table 7, row 3',
    options: { centering: 'sinkhorn' },
  },
  {
    name: 'center',
    title: 'a moving center',
    source: 'the base of Table 7',
    options: { centering: 'center' },
    collapse: 'both',
  },
  {
    name: 'no-multi-crop',
    title: 'no multi-crop: two global crops alone',
    source: 'Table 7, row 4',
    options: { localCropsNumber: 0 },
  },
  {
    name: 'multi-crop',
    title: 'multi-crop: four local crops beside the global ones',
    source: 'Table 8',
    options: { localCropsNumber: 4 },
  },
  {
    name: 'mse',
    title: 'mean squared error in place of the cross-entropy',
    source: 'as Table 7, row 5, there of normalized outputs without a softmax',
    options: { loss: 'mse' },
  },
  {
    name: 'predictor',
    title: "a predictor behind the student's head",
    source: 'Table 7, row 6',
    options: { predictor: true },
  },
  {
    name: 'teacher-previous-step',
    title: 'the teacher is the student of the step before',
    source: 'Figure 6',
    options: { teacherRule: 'previous_step' },
  },
  {
    name: 'teacher-previous-epoch',
    title: 'the teacher is the student of the epoch before',
    source: 'Figure 6',
    options: { teacherRule: 'previous_epoch' },
  },
  {
    name: 'learned-prototypes',
    title: 'prototypes of any length',
    source: 'official code, --norm_last_layer false',
    options: { normLastLayer: false },
  },
  {
    name: 'batch-norm',
    title: 'batch norm in the head',
    source: 'appendix, projection head',
    options: { useBnInHead: true },
  },
  {
    name: 'no-batch-norm',
    title: 'no batch norm in the head',
    source: 'appendix, projection head',
    options: { useBnInHead: false },
  },
  {
    name: 'small-batch',
    title: 'batches of 32 images',
    source: 'Table 9',
    options: { batchSizePerGpu: 32 },
  },
  {
    name: 'no-centering',
    title: 'no centering, sharpening alone',
    source: 'Figure 7',
    options: { centering: 'none' },
    collapse: 'no centering',
  },
  {
    name: 'no-sharpening',
    title: 'no sharpening: a center, and the temperature of the student for the teacher',
    source: 'Figure 7',
    options: { centering: 'center', teacherTemp: 0.1, warmupTeacherTemp: 0.1 },
    collapse: 'no sharpening',
  },
];
