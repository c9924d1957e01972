/** Folders in which people and cameras keep photos by date, which name no classes: `2021`, `2021-05 Rome`, `May`, `100APPLE`. */

const MONTH =
  '(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)';
const YEAR = '(?:19|20)\\d\\d';
const SEPARATOR = '[-_. ]*';

/**
 * Years, dates, names of months with a number, folders of cameras and phones. A year with other words beside it may be a class:
 * `BMW X3 SUV 2012`.
 */
const ALBUM = [
  YEAR,
  `${YEAR}[-_. ]?[01]\\d(?:[-_. ]?[0-3]\\d)?(?:[-_. ].*)?`,
  `${YEAR}${SEPARATOR}${MONTH}`,
  `(?:\\d{1,2}${SEPARATOR})?${MONTH}(?:${SEPARATOR}(?:\\d{1,2}|${YEAR}))?`,
  '[1-9]\\d\\d(?:[A-Z_][A-Z0-9_]{4}|_\\d{4})', // what cameras number: 100APPLE, 101ND750, 100_0512
  'DCIM|IMG[-_ ].*|DSC[-_ ].*|Camera(?: Roll)?|Screenshots',
].map((pattern) => new RegExp(`^(?:${pattern})$`, 'i'));

const YEAR_ALONE = new RegExp(`^${YEAR}$`);
const MONTH_NUMBER = /^(?:0[1-9]|1[0-2])$/;

/**
 * Whether at least half of the folders are named as albums are.
 *
 * @param around the folder in which they lie; those of a year may be called by the numbers of its months
 */
export function areAlbums(folders: readonly string[], around?: string): boolean {
  const isInYear = around !== undefined && YEAR_ALONE.test(around);
  const albums = folders.filter(
    (name) => ALBUM.some((pattern) => pattern.test(name)) || (isInYear && MONTH_NUMBER.test(name)),
  );
  return folders.length > 1 && 2 * albums.length >= folders.length;
}
