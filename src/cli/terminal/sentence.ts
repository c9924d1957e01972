/** Error messages as they are printed. What the engine, the system or another library says has no full stop of its own. */

/** A message with a full stop, unless it ends in one already or in a command that can be copied. */
export function asSentence(message: string): string {
  const text = message.trimEnd();
  const isCommand = /\? (npx )?dino [^.?]*$/.test(text);
  return isCommand || /[.?!…]$/.test(text) ? text : `${text}.`;
}
