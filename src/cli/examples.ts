/** Three examples for the help of every command. A test reads each of them as the command would. */
import type { Example } from './terminal/help.ts';

export const examples = {
  train: [
    ['dino train ./photos --minutes 30', 'half an hour; everything else is chosen by the recipe'],
    [
      'dino train ./photos --recipe paper --arch vit_small --epochs 100 --output runs/paper',
      "the paper's settings, into a folder with a name",
    ],
    ['dino train --resume runs/paper --epochs 200', 'go on with a run, with a larger budget'],
  ],
  compare: [
    ['dino compare ./photos --methods dino distill --teacher dino_vits16 --minutes 20', 'two methods'],
    [
      'dino compare data/train --methods dino --arch vit --images_seen 100000 --test data/test',
      'a budget in images, measured on other images',
    ],
    [
      'dino compare data/train --methods dino --seeds 0 1 2 --output runs/three',
      'with deviations over seeds',
    ],
  ],
  ablate: [
    ['dino ablate data/train --minutes 10', 'every component of the paper, ten minutes each'],
    [
      'dino ablate data/train --components no-momentum no-multi-crop --test data/test',
      'two of them, measured on other images',
    ],
    [
      'dino ablate ./photos --components center no-centering no-sharpening --steps 2000',
      'the two collapses (no labels needed)',
    ],
  ],
  quickstart: [
    ['dino quickstart', 'three minutes on generated scenes'],
    ['dino quickstart ./photos --minutes 5', 'five minutes on your images'],
    ['dino quickstart --output runs/first', 'into a folder with a name'],
  ],
  inspect: [
    ['dino inspect dino_deitsmall16_pretrain.pth', 'which network a file holds, and whether it is whole'],
    ['dino inspect facebook/dino-vits16', 'the same of published weights, which are downloaded once'],
    [
      'dino inspect checkpoint.pth --checkpoint_key student --json',
      'the student of a full checkpoint, as JSON',
    ],
  ],
  devices: [
    ['dino devices', 'devices, their memory, and how fast they multiply'],
    ['dino devices ./photos', 'and how long a training step takes on each'],
    ['dino devices --install cuda13', 'fetch what NVIDIA GPUs need'],
  ],
  export: [
    ['dino export runs/a --to huggingface --output my-model', 'a folder for transformers in Python'],
    ['dino export runs/a --to onnx --attentions', 'model.onnx with the attention maps of every block'],
    ['dino export runs/a --to transformers.js --classifier linear', 'a classifier for browsers and Node'],
  ],
  report: [
    ['dino report runs/a', 'report.html again, with all evaluations since'],
    ['dino report runs/a --figures', 'its figures as SVG and PNG files too'],
    ['dino report runs/a runs/b', 'and one page that shows two runs beside each other'],
  ],
  eval: [
    ['dino eval knn runs/a --train data/train --test data/test', 'the accuracy of nearest neighbors'],
    ['dino eval cluster runs/a --images ./photos', 'groups of images, found without labels'],
    ['dino eval knn dino_vits16 --train data/train --test data/test', 'published weights in place of a run'],
  ],
  knn: [
    ['dino eval knn runs/a --train data/train --test data/test', 'the accuracy on test images'],
    ['dino eval knn runs/a --train data/train --test data/test --checkpoint best', 'of the best checkpoint'],
    ['dino eval knn dino_vits16 --train data/train --test data/test --json', 'of published weights, as JSON'],
  ],
  linear: [
    ['dino eval linear runs/a --train data/train --test data/test', 'a classifier on frozen features'],
    ['dino eval linear runs/a --train data/train', 'a fifth of the images is held back for the test'],
    [
      'dino eval linear runs/a --train data/train --augment true --epochs 100',
      'as the official script does it',
    ],
  ],
  logistic: [
    ['dino eval logistic runs/a --train data/train --test data/test', 'with 1 to 50 labels of each class'],
    [
      'dino eval logistic runs/a --train data/train --shots 1 5 10 --draws 10',
      'more draws, a smaller spread',
    ],
    ['dino eval logistic runs/a --train data/train --shares 0.01 0.1', 'with 1 % and 10 % of the labels'],
  ],
  finetune: [
    ['dino eval finetune runs/a --train data/train --test data/test', 'all weights learn the classes'],
    ['dino eval finetune runs/a --train data/train --epochs 5', 'a short one, a fifth held back'],
    ['dino eval finetune dino_vits16 --train data/train --batch_size_per_gpu 32', 'published weights'],
  ],
  cluster: [
    ['dino eval cluster runs/a --images ./photos', 'how many groups is found out'],
    ['dino eval cluster runs/a --images ./photos --k 12', 'twelve groups'],
    ['dino eval cluster runs/a --images data/test --json', 'with class folders: how well groups fit classes'],
  ],
  masks: [
    ['dino eval masks runs/a --images horses/images --masks horses/masks', 'does a head cover the object?'],
    [
      'dino eval masks runs/a --images images --masks masks --threshold 0.5',
      'masks of half of the attention',
    ],
    [
      'dino eval masks dino_vits8 --images images --masks masks --image_size 480',
      'at a short side of 480 pixels',
    ],
  ],
  retrieval: [
    ['dino eval retrieval runs/a --images data/test', 'images of one class folder should find each other'],
    ['dino eval retrieval runs/a --images ukbench --prefix 5', 'those whose names share five letters'],
    [
      'dino eval retrieval runs/a --database oxford5k --ground_truth gnd_roxford5k.json --multiscale true',
      'revisited Oxford',
    ],
  ],
  copies: [
    ['dino eval copies runs/a --images ./photos', 'altered copies of 100 images should find their originals'],
    ['dino eval copies runs/a --images ./photos --count 500 --seed 1', 'of 500 images'],
    ['dino eval copies runs/a --originals copydays/original --queries copydays/strong', 'Copydays'],
  ],
  video: [
    ['dino eval video runs/a --frames clip/frames --masks clip/masks', 'one clip'],
    ['dino eval video runs/a DAVIS', 'a folder of clips'],
    ['dino eval video runs/a DAVIS --image_size 240 --topk 10', 'smaller frames, more sources'],
  ],
  attend: [
    ['dino attend runs/a ./photos', 'of all images of a folder'],
    ['dino attend runs/a cat.jpg dog.jpg --output attention', 'of two images, into a folder with a name'],
    ['dino attend dino_vits8 clip.mp4 --image_size 480', 'through a video, with published weights'],
  ],
  map: [
    ['dino map runs/a ./photos', 'a page with thumbnails'],
    ['dino map runs/a ./photos --perplexity 50 --limit 2000', 'larger neighborhoods, fewer images'],
    ['dino map dino_vits16 ./photos --output my-map', 'with published weights, into a folder with a name'],
  ],
  embed: [
    ['dino embed runs/a ./photos --output features', 'NumPy and Parquet files in a folder with a name'],
    ['dino embed runs/a ./photos --format npy --normalize true', 'NumPy alone, features of length 1'],
    ['dino embed dino_vits16 ./photos --views 2', 'published weights; features of image and mirror image'],
  ],
  search: [
    ['dino search runs/a photo.jpg --bank ./photos', 'the twenty most similar images'],
    ['dino search runs/a photo.jpg --bank features --k 5', 'among what dino embed wrote'],
    ['dino search runs/a cat.jpg dog.jpg --bank ./photos', 'for each of two images'],
  ],
  dedupe: [
    ['dino dedupe runs/a ./photos', 'copies among the images of a folder'],
    ['dino dedupe runs/a ./photos --threshold 0.98', 'only what is very similar'],
    ['dino dedupe dino_vits16 ./photos --json', 'with published weights, as JSON'],
  ],
} as const satisfies Readonly<Record<string, readonly [Example, Example, Example]>>;

export type CommandName = keyof typeof examples;
