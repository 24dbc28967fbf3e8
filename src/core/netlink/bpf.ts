/**
 * Socket filters in classic BPF (linux/filter.h): instructions by name, jumps by label. Numbers are loaded in network order,
 * as attributes of nfnetlink have them; headers of netlink are in the machine's.
 */
import { LITTLE_ENDIAN } from './attributes.ts';

/** One instruction: code, jumps when true and when false, operand. */
export type FilterInstruction = readonly [code: number, jt: number, jf: number, k: number];

/** A and X are the registers; M the scratch memory. */
export const Bpf = {
  loadWord: 0x20,
  loadHalf: 0x28,
  loadByte: 0x30,
  loadWordAtX: 0x40,
  loadByteAtX: 0x50,
  loadNumber: 0x00,
  loadMemory: 0x60,
  store: 0x02,
  setX: 0x01,
  copyToX: 0x07,
  and: 0x54,
  ifEqual: 0x15,
  ifAtLeast: 0x35,
  ifAnyBit: 0x45,
  end: 0x06,
} as const;

/** SKF_AD_OFF + SKF_AD_NLATTR, of `loadWord`: A becomes the place of the first attribute of type X from place A on, or 0. */
export const FIND_ATTRIBUTE = 0xfffff00c;

export interface BpfStep {
  readonly code: number;
  readonly k?: number;
  /** Labels, for jumps; the next instruction where there is none. */
  readonly yes?: string;
  readonly no?: string;
}

/** Two labels that every program has: the whole message is let pass, or nothing of it. */
export const PASS = 'pass';
export const DROP = 'drop';

/** @param steps instructions, and before some of them a label */
export function assemble(steps: readonly (BpfStep | string)[]): readonly FilterInstruction[] {
  const labels = new Map<string, number>();
  const found: BpfStep[] = [];
  const whole = [...steps, PASS, { code: Bpf.end, k: 0xffffffff }, DROP, { code: Bpf.end, k: 0 }];
  for (const step of whole) {
    if (typeof step === 'string') labels.set(step, found.length);
    else found.push(step);
  }
  const distance = (label: string | undefined, at: number) => {
    if (label === undefined) return 0;
    const to = labels.get(label);
    if (to === undefined || to <= at) throw new RangeError(`no label ${label} behind instruction ${at}`);
    return to - at - 1;
  };
  return found.map(({ code, k = 0, yes, no }, at) => [code, distance(yes, at), distance(no, at), k >>> 0]);
}

/** A number of a netlink header as a filter sees it. */
export const asLoaded32 = (value: number): number =>
  LITTLE_ENDIAN
    ? ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0
    : value >>> 0;
