/** Names of options: camel case in code and records, with `_` or `-` as flags. */

/** localCropsNumber -> local_crops_number */
export function toFlag(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** local_crops_number or local-crops-number -> localCropsNumber */
export function fromFlag(flag: string): string {
  return flag.replace(/[-_]+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
