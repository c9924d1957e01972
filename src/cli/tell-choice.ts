/** What commands say where two configs lie beside weights: which of them is taken, and why. */
export function tellChoice(choice: string | undefined): void {
  if (choice !== undefined) console.error(`Config: ${choice}.`);
}
