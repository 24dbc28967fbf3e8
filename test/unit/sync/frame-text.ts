/** Records and frames as the text of `test/vectors/sync`. */
import { formatIpv4 } from '../../../src/core/base/ipv4.ts';
import type { Frame } from '../../../src/core/sync/frames/codec.ts';
import { rangesIn } from '../../../src/core/sync/records/ranges.ts';
import {
  type ConnectionRecord,
  Op,
  Protocol,
  RANGES,
  RecordFlag,
  readRecord,
  readRecords,
} from '../../../src/core/sync/records/record.ts';
import { decodeIpv6Record } from '../../../src/core/sync/records/record-ipv6.ts';
import { toHex } from '../../vectors/ospf/handmade.ts';

const FLAGS = [
  [RecordFlag.assured, 'assured'],
  [RecordFlag.seenReply, 'seen-reply'],
  [RecordFlag.predicted, 'predicted'],
] as const;

function nameIn(codes: Readonly<Record<string, number>>, code: number): string {
  return Object.keys(codes).find((name) => codes[name] === code) ?? String(code);
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');

interface Ends {
  readonly client: string;
  readonly vip: string;
  readonly server: string;
  readonly local: string;
}

function textOf(record: Omit<ConnectionRecord, keyof Ends>, { client, vip, server, local }: Ends): string {
  const { op, protocol, clientPort, vipPort, serverPort, localPort, state, flags, windowScale, birth } = record;
  const outside = `${client}:${clientPort} > ${vip}:${vipPort}`;
  const inside = `${local}:${localPort} > ${server}:${serverPort}`;
  const set = FLAGS.flatMap(([flag, name]) => ((flags & flag) === 0 ? [] : [name]));
  const windows = windowScale === 0xff ? 'unknown' : `${windowScale >> 4} ${windowScale & 15}`;
  return [
    `${nameIn(Op, op)} ${nameIn(Protocol, protocol)} ${outside}`,
    inside,
    `state ${state}`,
    set.join(' ') || 'no flags',
    `service ${hex(record.service)}`,
    `owner ${formatIpv4(record.owner)}`,
    `epoch ${record.epoch}`,
    `${record.timeout} s`,
    `windows ${windows}`,
    ...(birth === 0 ? [] : [`birth ${birth.toString(16).padStart(6, '0')}`]),
  ].join(', ');
}

export function recordText(record: ConnectionRecord): string {
  const { client, vip, server, local } = record;
  const ends = {
    client: formatIpv4(client),
    vip: formatIpv4(vip),
    server: formatIpv4(server),
    local: formatIpv4(local),
  };
  return textOf(record, ends);
}

export function ipv6RecordText(bytes: Uint8Array): string {
  const record = decodeIpv6Record(bytes);
  const end = (address: Uint8Array): string => `[${toHex(address)}]`;
  const { client, vip, server, local } = record;
  return textOf(record, { client: end(client), vip: end(vip), server: end(server), local: end(local) });
}

/** `0 29 180-181`. */
function rangeText(set: Uint8Array): string {
  const runs: [number, number][] = [];
  for (const range of rangesIn(set)) {
    const last = runs.at(-1);
    if (last?.[1] === range - 1) last[1] = range;
    else runs.push([range, range]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(' ');
}

function ownerText(owner: number): string {
  return owner === 0 ? 'anybody' : formatIpv4(owner);
}

function tupleText(tuple: Uint8Array): string {
  const padded = new Uint8Array(48);
  padded.set(tuple);
  const { client, vip, clientPort, vipPort, protocol } = readRecord(padded, 0);
  return `${nameIn(Protocol, protocol)} ${formatIpv4(client)}:${clientPort} > ${formatIpv4(vip)}:${vipPort}`;
}

function digestLines(digests: Uint32Array): readonly string[] {
  return Array.from({ length: RANGES }, (_, range) => [range, digests[2 * range]!, digests[2 * range + 1]!] as const)
    .filter(([, first, second]) => first !== 0 || second !== 0)
    .map(([range, first, second]) => `range ${range} ${hex(first)} ${hex(second)}`);
}

const recordLines = (records: Uint8Array): readonly string[] => readRecords(records).map(recordText);

type Texts = { readonly [K in Frame['kind']]: (frame: Extract<Frame, { kind: K }>) => readonly string[] };

const TEXTS: Texts = {
  hello: ({ versions, empty, routerId, bootEpoch, configHash, tableDigest, name, cluster, services }) => [
    'hello',
    `versions ${versions.min} to ${versions.max}${empty ? ', empty' : ''}`,
    `router id ${formatIpv4(routerId)}, boot epoch ${bootEpoch}`,
    `config ${configHash}, tables ${tableDigest}`,
    `director ${name}, cluster ${cluster}`,
    ...services.map(({ service, digest }) => `service ${hex(service)} ${digest}`),
  ],
  bulkRequest: ({ id, owner, ranges }) => [
    `bulkRequest ${id}`,
    `owner ${ownerText(owner)}, ranges ${rangeText(ranges)}`,
  ],
  bulkBegin: ({ id, owner, ranges, expected }) => [
    `bulkBegin ${id}`,
    `owner ${ownerText(owner)}, ranges ${rangeText(ranges)}, expected ${expected}`,
  ],
  bulkChunk: ({ id, sequence, records }) => [`bulkChunk ${id}, sequence ${sequence}`, ...recordLines(records)],
  bulkEnd: ({ id, owners }) => [
    `bulkEnd ${id}`,
    ...owners.map(
      ({ owner, connections, digest }) =>
        `owner ${ownerText(owner)}, connections ${connections}, digest ${digest.map(hex).join(' ')}`,
    ),
  ],
  batch: ({ sequence, records }) => [`batch, sequence ${sequence}`, ...recordLines(records)],
  refresh: ({ sequence, records }) => [`refresh, sequence ${sequence}`, ...recordLines(records)],
  ack: ({ sequence }) => [`ack ${sequence}`],
  digest: ({ owner, connections, digests }) => [
    `digest of owner ${ownerText(owner)}, connections ${connections}`,
    ...digestLines(digests),
  ],
  query: ({ id, side, tuple }) => [`query ${id} by ${side}: ${tupleText(tuple)}`],
  answer: ({ id, found, record }) => [`answer ${id}: ${found}`, ...(record === undefined ? [] : recordLines(record))],
  goodbye: ({ reason, text, back }) => [
    `goodbye: ${reason}${back === undefined ? '' : `, back within ${back} s`}`,
    text || '(no text)',
  ],
  alive: ({ counter }) => [`alive ${counter}`],
  prefetch: ({ id, service }) => [`prefetch ${id}`, `service ${hex(service)}`],
  prefetched: ({ id, records }) => [`prefetched ${id}`, ...recordLines(records)],
};

/** One line or more. */
export function frameText(frame: Frame): string {
  return (TEXTS[frame.kind] as (frame: Frame) => readonly string[])(frame).join('\n');
}
