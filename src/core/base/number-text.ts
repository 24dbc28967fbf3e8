/** Texts of small numbers, shared: thousands of slots name the same few hundred servers, and every map the same slots. */
const NUMBERS: string[] = [];

/** A whole number in decimal. */
export function numberText(value: number): string {
  if (value > 0x1ffff) return String(value);
  let text = NUMBERS[value];
  if (text === undefined) {
    text = String(value);
    NUMBERS[value] = text;
  }
  return text;
}
