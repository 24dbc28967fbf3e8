/** Runs a socket filter over a message, as the kernel does. Only the instructions that src/core/netlink/bpf.ts knows. */
import { LITTLE_ENDIAN, NLA_TYPE_MASK } from '../../core/netlink/attributes.ts';
import { Bpf, FIND_ATTRIBUTE, type FilterInstruction } from '../../core/netlink/bpf.ts';

/** @returns whether the message is let pass; a load from beyond its end ends the program, and it is not */
export function passesFilter(program: readonly FilterInstruction[], message: Uint8Array): boolean {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const memory = new Uint32Array(16);
  let [a, x] = [0, 0];
  for (let at = 0; ; at++) {
    const [code, jt, jf, k] = program[at]!;
    if (code === Bpf.end) return k !== 0;
    if (code === Bpf.loadNumber) a = k;
    else if (code === Bpf.setX) x = k;
    else if (code === Bpf.copyToX) x = a;
    else if (code === Bpf.and) a = (a & k) >>> 0;
    else if (code === Bpf.store) memory[k] = a;
    else if (code === Bpf.loadMemory) a = memory[k]!;
    else if (code === Bpf.ifEqual) at += a === k ? jt : jf;
    else if (code === Bpf.ifAtLeast) at += a >= k ? jt : jf;
    else if (code === Bpf.ifAnyBit) at += (a & k) !== 0 ? jt : jf;
    else if (code === Bpf.loadWord && k === FIND_ATTRIBUTE) a = findAttribute(view, a, x);
    else {
      const loaded = load(view, code, code === Bpf.loadWordAtX || code === Bpf.loadByteAtX ? x + k : k);
      if (loaded === undefined) return false;
      a = loaded;
    }
  }
}

function load(view: DataView, code: number, at: number): number | undefined {
  const bytes = code === Bpf.loadByte || code === Bpf.loadByteAtX ? 1 : code === Bpf.loadHalf ? 2 : 4;
  if (at + bytes > view.byteLength) return undefined;
  return bytes === 1 ? view.getUint8(at) : bytes === 2 ? view.getUint16(at) : view.getUint32(at);
}

function findAttribute(view: DataView, from: number, type: number): number {
  for (let at = from; at + 4 <= view.byteLength; ) {
    if ((view.getUint16(at + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK) === type) return at;
    at += (Math.max(4, view.getUint16(at, LITTLE_ENDIAN)) + 3) & ~3;
  }
  return 0;
}
