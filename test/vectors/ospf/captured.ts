/**
 * The files of captured packets: plain text, one packet per block, blocks separated by an empty line. The lines at the head
 * of a file that begin with `#` say whose packets they are; those of a block say which packet it is and why it is here.
 *
 *     # FRR 8.4.4, point-to-point: a database description, first
 *     link   p2p                          p2p or lan; one file's packets of one link are one recording, in its order
 *     at     655.1                        milliseconds since the recording began
 *     ip     10.1.1.1 > 224.0.0.5
 *     replay                              this packet is part of the exchange up to Full
 *     bytes  02020020 0aff0101 ...        what the IP packet carried, hexadecimal, as many lines as it takes
 *     reads  ospf.msg  2                  tshark's reading, a field a line; a long list goes on in the next line
 */
import { formatIpv4, type Ipv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { Fields } from './fields.ts';
import { fromHex, toHex } from './handmade.ts';

export type Link = 'p2p' | 'lan';

export interface Vector {
  /** What the packet is, in words. */
  readonly title: string;
  readonly link: Link;
  /** Milliseconds since the recording began. */
  readonly at: number;
  readonly source: Ipv4;
  readonly destination: Ipv4;
  readonly replay: boolean;
  readonly bytes: Uint8Array;
  /** Expected values. */
  readonly fields: Fields;
}

const WIDTH = 116;
const KEY = 7;
const NAME = 38;

/** The text of a file. */
export function formatVectors(heading: readonly string[], vectors: readonly Vector[]): string {
  return `${[heading.map((line) => `# ${line}`).join('\n'), ...vectors.map(formatVector)].join('\n\n')}\n`;
}

function formatVector(vector: Vector): string {
  const words = toHex(vector.bytes).match(/.{1,8}/g) ?? [];
  const reads = Object.entries(vector.fields).flatMap(([name, values]) =>
    wrap(values, WIDTH - KEY - NAME).map((line, at) => (at === 0 ? name : '').padEnd(NAME) + line),
  );
  return [
    `# ${vector.title}`,
    ...keyed('link', [vector.link]),
    ...keyed('at', [vector.at.toFixed(1)]),
    ...keyed('ip', [`${formatIpv4(vector.source)} > ${formatIpv4(vector.destination)}`]),
    ...(vector.replay ? ['replay'] : []),
    ...keyed('bytes', wrap(words, WIDTH - KEY)),
    ...keyed('reads', reads),
  ].join('\n');
}

function keyed(key: string, lines: readonly string[]): string[] {
  return lines.map((line, at) => (at === 0 ? key : '').padEnd(KEY) + line);
}

function wrap(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Reads a file's text. Throws an Error when a block lacks something. */
export function parseVectors(text: string): Vector[] {
  return text.trim().split('\n\n').slice(1).map(parseVector);
}

function parseVector(block: string): Vector {
  const [first = '', ...lines] = block.split('\n');
  const sections = new Map<string, string[]>();
  let section: string[] = [];
  for (const line of lines) {
    const key = line.slice(0, KEY).trim();
    if (key !== '') {
      section = [];
      sections.set(key, section);
    }
    section.push(line.slice(KEY));
  }
  const only = (key: string): string => {
    const value = sections.get(key)?.join('\n');
    if (value === undefined) throw new Error(`no "${key}" in: ${first}`);
    return value;
  };
  const [source = '', destination = ''] = only('ip').split(' > ');
  return {
    title: first.slice(2),
    link: only('link') === 'lan' ? 'lan' : 'p2p',
    at: Number(only('at')),
    source: ipv4(source),
    destination: ipv4(destination),
    replay: sections.has('replay'),
    bytes: fromHex(only('bytes')),
    fields: parseFields(only('reads').split('\n')),
  };
}

function parseFields(lines: readonly string[]): Fields {
  const fields: Record<string, string[]> = {};
  let name = '';
  for (const line of lines) {
    name = line.slice(0, NAME).trim() || name;
    fields[name] = [...(fields[name] ?? []), ...line.slice(NAME).split(' ')];
  }
  return fields;
}
