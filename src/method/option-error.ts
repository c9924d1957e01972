/** A mistake in what was asked for, not in data or machine. */
export class OptionError extends Error {
  override name = 'OptionError';
}
