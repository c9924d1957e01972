import { describe, expect, it } from 'vitest';
import { classesOf, partsOf } from '../../src/data/class-folders.ts';

/** `many('dog', 3)` is dog/0.jpg, dog/1.jpg, dog/2.jpg. */
const many = (folder: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${folder}/${i}.jpg`);
const named = (paths: readonly string[]): (string | undefined)[] => {
  const { classes, labels } = classesOf(paths);
  return paths.map((_, i) => classes[labels[i] ?? -1]);
};

describe('parts of a data set', () => {
  it('are several folders by such names, with what is around them', () => {
    expect(partsOf(['val/dog/1.jpg', 'train/dog/1.jpg', 'train/cat/1.jpg'])).toEqual(['train', 'val']);
    expect(partsOf(['a/b/test_images/1.jpg', 'a/b/train2017/1.jpg', 'a/b/more/1.jpg'])).toEqual([
      'a/b/test_images',
      'a/b/train2017',
    ]);
    for (const alone of [
      ['train/dog/1.jpg'],
      ['dog/1.jpg', 'test/1.jpg'],
      ['1.jpg'],
      [],
      ['dog/train/1.jpg', 'cat/val/1.jpg'],
    ])
      expect(partsOf(alone)).toEqual([]);
  });
});

describe('class folders', () => {
  it('are first-level directories', () => {
    const { classes, labels, note } = classesOf(['dog/1.jpg', 'cat/deep/2.jpg', 'dog/3.jpg']);
    expect(classes).toEqual(['cat', 'dog']);
    expect([...labels]).toEqual([1, 0, 1]);
    expect(note).toBeUndefined();
    expect(classesOf(['1.jpg', '2.jpg'])).toEqual({ classes: [], labels: new Int32Array(0) });
  });

  it('are numbered by code unit, as ImageFolder does', () => {
    const { classes } = classesOf(['class2/a.jpg', 'class10/a.jpg', 'B/a.jpg']);
    expect(classes).toEqual(['B', 'class10', 'class2']);
  });

  it('are looked for below a directory around everything, and below train and val', () => {
    expect(classesOf(['pets/dog/1.jpg', 'pets/cat/2.jpg']).classes).toEqual(['cat', 'dog']);
    const split = ['set/train/dog/1.jpg', 'set/train/cat/2.jpg', 'set/val/dog/3.jpg'];
    expect(named(split)).toEqual(['dog', 'cat', 'dog']);
    expect(classesOf(['cat/train/1.jpg', 'dog/val/2.jpg']).classes).toEqual(['cat', 'dog']);
    expect(classesOf(['dog/1.jpg', 'dog/2.jpg']).classes).toEqual(['dog']);
  });

  it('are never the parts of a data set, whatever stands beside them', () => {
    for (const parts of [
      ['train', 'val'],
      ['Training', 'test'],
      ['train2017', 'val2017'],
      ['train_images', 'test-images', 'unlabeled'],
      ['train'],
      ['train', 'photos'],
      ['train', 'val', 'extra'],
    ]) {
      const { classes, note } = classesOf(parts.flatMap((part) => many(part, 4)));
      expect([parts, classes]).toEqual([parts, []]);
      expect(note).toMatch(/names? (a part|parts) of a data set, not/);
    }
    // ImageNet's usual layout: classes below train, a flat val.
    const paths = [...many('train/cat', 5), ...many('train/dog', 5), ...many('val', 4)];
    const { classes, note } = classesOf(paths);
    expect(classes).toEqual(['cat', 'dog']);
    expect(named(paths).slice(-4)).toEqual([undefined, undefined, undefined, undefined]);
    expect(note).toBe('4 of 14 images lie in no class folder, such as val/0.jpg: they count in no score');
    // Class folders and a part beside them.
    const beside = classesOf([...many('cat', 5), ...many('dog', 5), ...many('test', 2)]);
    expect(beside.classes).toEqual(['cat', 'dog']);
    expect(beside.note).toMatch(/"test" names a part of a data set, not a class; rename the folder/);
  });

  it('stay when a few images lie beside them, which have no class', () => {
    for (const stray of ['3.jpg', 'zebra.jpg']) {
      const paths = ['dog/1.jpg', 'cat/2.jpg', stray];
      expect(named(paths)).toEqual(['dog', 'cat', undefined]);
      expect(classesOf(paths).note).toContain(`1 of 3 images lies in no class folder, such as ${stray}`);
    }
  });

  it('are those of train, however many images a flat val holds', () => {
    const paths = [...many('train/cat', 2), ...many('train/dog', 2), ...many('val', 50)];
    expect(classesOf(paths).classes).toEqual(['cat', 'dog']);
  });

  it('are none where many images lie beside them, and nothing is said of one album among photos', () => {
    const albums = [...many('a', 2), ...many('b', 2), ...Array.from({ length: 9 }, (_, i) => `${i}.jpg`)];
    expect(classesOf(albums)).toMatchObject({ classes: [] });
    expect(classesOf(albums).note).toContain(
      '9 of 13 images lie beside the folders "a", "b": these are not taken as classes',
    );
    expect(classesOf([...many('edited', 2), '1.jpg', '2.jpg'])).toEqual({
      classes: [],
      labels: new Int32Array(0),
    });
  });

  it('are none where at least half are named as albums by date or of a camera, unless folders are asked for', () => {
    for (const albums of [
      ['2021', '2022', 'holiday'],
      ['2021-05 Rome', '2021-07-14', '20220101'],
      ['January', '02 Feb', 'March 2021', '2021 april'],
      ['100APPLE', '101APPLE'],
      ['DCIM', 'Screenshots'],
      ['trip/2021', 'trip/2022'],
      ['2021/01', '2021/02', '2021/11'],
    ]) {
      const paths = albums.flatMap((album) => many(album, 2));
      expect([albums, classesOf(paths).classes]).toEqual([albums, []]);
      expect(classesOf(paths, 'folders').classes).toHaveLength(albums.length);
    }
    expect(classesOf([...many('2021', 2), ...many('2022', 2), ...many('holiday', 2)]).note).toBe(
      'the folders "2021", "2022", "holiday" look like albums by date, not classes: no labels are taken (--labels folders takes them as classes)',
    );
  });

  it('are classes where few names could be those of albums', () => {
    for (const classes of [
      ['0', '1', '10'],
      ['01', '02', '12'],
      ['BMW X3 SUV 2012', 'Audi A5 Coupe 2012'],
      ['2021', 'cat', 'dog'],
      ['marigold', 'decorated', 'mayfly'],
      ['n01440764', 'n01443537'],
      ['001.Albatross', '200.Yellowthroat'],
    ]) {
      const paths = classes.flatMap((name) => many(name, 2));
      expect(classesOf(paths).classes).toEqual(classes.toSorted());
    }
  });
});
