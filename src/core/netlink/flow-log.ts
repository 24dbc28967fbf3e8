/** Connections that are told of now and looked at later, in their order, each with a number that says why: without an object each. */
import { FLOW_WORDS } from './flow.ts';

const ROW = FLOW_WORDS + 1;
const FIRST_ROWS = 256;

export class FlowLog {
  #words = new Uint32Array(FIRST_ROWS * ROW);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(kind: number, flow: Uint32Array): void {
    const at = this.#length * ROW;
    if (at === this.#words.length) {
      const larger = new Uint32Array(2 * at);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[at] = kind;
    this.#words.set(flow, at + 1);
    this.#length += 1;
  }

  replay(on: (kind: number, flow: Uint32Array) => void): void {
    for (let row = 0; row < this.#length; row++) {
      const at = row * ROW;
      on(this.#words[at]!, this.#words.subarray(at + 1, at + ROW));
    }
  }
}
