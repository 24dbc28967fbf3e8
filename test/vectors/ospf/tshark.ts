/** The second opinion: the tshark of the lab's tools root reads a capture. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { rootPath } from '../../../lab/roots/build.ts';
import { FIELD_NAMES, type Fields } from './fields.ts';

/** What a packet must not have. A wrong checksum is no complaint of tshark's: it only says so in its long form. */
const COMPLAINTS = '_ws.malformed || _ws.expert.severity >= "Warning"';

/** tshark's version, e.g. `4.0.17`. Throws an Error when it cannot be run. */
export async function tsharkVersion(): Promise<string> {
  const said = run(await rootPath('tools'), ['--version'], 'ignore');
  return /TShark[^\d]*([\d.]+\d)/.exec(said)?.[1] ?? 'of unknown version';
}

/** Frame number to what tshark reads in it, for the OSPF packets of a pcap file. Throws an Error when it finds fault. */
export async function tsharkReading(file: string): Promise<ReadonlyMap<number, Fields>> {
  const tools = await rootPath('tools');
  const bad = readFile(tools, file, `ospf && (${COMPLAINTS})`, []);
  if (bad !== '') throw new Error(`tshark complains about:\n${bad}`);
  const wrong = readFile(tools, file, 'ospf', ['-V']).match(/^ *Checksum: 0x\w+ \[incorrect.*$/gm);
  if (wrong !== null) throw new Error(`tshark finds wrong checksums:\n${wrong.join('\n')}`);
  const names = ['frame.number', ...FIELD_NAMES];
  const format = ['-T', 'fields', '-E', 'separator=|', '-E', 'occurrence=a', '-E', 'aggregator=,'];
  const rows = readFile(tools, file, 'ospf', [...format, ...names.flatMap((name) => ['-e', name])]);
  return new Map(rows.split('\n').filter(Boolean).map(parseRow));
}

function parseRow(row: string): [number, Fields] {
  const [frame, ...values] = row.split('|');
  const pairs = FIELD_NAMES.map((name, at) => [name, values[at] ?? ''] as const).filter(([, value]) => value !== '');
  return [Number(frame), Object.fromEntries(pairs.map(([name, value]) => [name, value.split(',')]))];
}

/** The file lies outside the root that tshark runs in, so it comes as standard input; a pipe would not do. */
function readFile(tools: string, file: string, filter: string, options: readonly string[]): string {
  const input = openSync(file, 'r');
  try {
    return run(tools, ['-n', '-r', '-', '-Y', filter, ...options], input);
  } finally {
    closeSync(input);
  }
}

function run(tools: string, options: readonly string[], input: number | 'ignore'): string {
  const stdio = [input, 'pipe', 'pipe'] as const;
  const result = spawnSync('chroot', [tools, 'tshark', ...options], {
    stdio: [...stdio],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (result.status !== 0) throw new Error(`tshark: ${result.stderr ?? result.error?.message}`);
  return result.stdout.trim();
}
