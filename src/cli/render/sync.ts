/** `sluice sync`: who lives, and what each stream to a peer carries and owes. */
import type { ConnectionDocument, SyncDocument, SyncPeerDocument } from '../../api/sync-documents.ts';
import { bytes, count, duration, plural, table } from './text.ts';

export function renderSync(document: SyncDocument): string {
  if (document.state === 'off') return 'connections are not synced: the cluster file has no keys';
  const facts: [string, string][] = [
    ['state', document.fault === null ? document.state : `${document.state}: ${document.fault}`],
    ['living', livingLine(document)],
    ...goneLine(document),
    ['connections', connectionsLine(document)],
    [
      'unknown',
      document.secondChance
        ? 'packets of unknown connections: the others are asked'
        : 'packets of unknown connections: nobody is asked',
    ],
    ...document.leftOut.map(({ service, reason }): [string, string] => ['not synced', `${service}: ${reason}`]),
  ];
  const head = facts.map(([name, value]) => `${name.padEnd(12)} ${value}`).join('\n');
  if (document.peers.length === 0) return head;
  return `${head}\n\n${peerTable(document.peers)}${remarks(document.peers)}`;
}

function livingLine({ members }: SyncDocument): string {
  if (members === null) return 'not known yet';
  return members.living.map(({ name, age }) => `${name} (${duration(age)})`).join(', ');
}

function goneLine({ members }: SyncDocument): [string, string][] {
  if (members === null || members.dead.length === 0) return [];
  return [['gone', members.dead.map(({ name, age }) => `${name} (for ${duration(age)})`).join(', ')]];
}

function connectionsLine({ connections: { total, own, bytes: memory } }: SyncDocument): string {
  return `${count(total)} known, ${count(own)} carried here, ${bytes(memory)}`;
}

const FIGURES = ['LAG P50', 'LAG P99', 'OUT/S', 'IN/S', 'BYTES OUT/S', 'BYTES IN/S', 'UNACKED', 'UNPROTECTED'];

function peerTable(peers: readonly SyncPeerDocument[]): string {
  return table(
    ['PEER', 'STATE', 'SINCE', ...FIGURES, 'DIGESTS'],
    peers.map((peer) => [
      peer.name,
      peer.state,
      duration(peer.age),
      ...[peer.lag?.p50, peer.lag?.p99].map((lag) => (lag === undefined ? '-' : milliseconds(lag))),
      ...[peer.recordsOut, peer.recordsIn].map((rate) => count(Math.round(rate))),
      ...[peer.bytesOut, peer.bytesIn, peer.unacknowledged].map((amount) => bytes(Math.round(amount))),
      count(peer.unprotected),
      peer.digestsMatch === null ? '-' : peer.digestsMatch ? 'equal' : 'DIFFERENT',
    ]),
    ['SINCE', ...FIGURES],
  );
}

/** Lags are mostly below a millisecond or two. */
function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : duration(value);
}

function remarks(peers: readonly SyncPeerDocument[]): string {
  const errors = peers.flatMap(({ name, lastError }) => (lastError === null ? [] : [`${name}: ${lastError}`]));
  const others = peers.flatMap(({ name, sameFile }) =>
    sameFile === false ? [`${name} has another cluster file`] : [],
  );
  const unprotected = Math.max(0, ...peers.map((peer) => peer.unprotected));
  const open = unprotected === 0 ? [] : [`${plural(unprotected, 'connection')} not yet held by every peer`];
  const lines = [...others, ...errors, ...open];
  return lines.length === 0 ? '' : `\n\n${lines.join('\n')}`;
}

const COLUMNS: readonly (readonly [string, number])[] = [
  ['PROTO', 5],
  ['CLIENT', 21],
  ['VIP', 21],
  ['SERVER', 21],
  ['LOCAL', 21],
  ['SERVICE', 12],
  ['OWNER', 12],
  ['STATE', 11],
  ['EXPIRES', 8],
];

/** Columns are as wide as they mostly have to be: what comes later is not known yet. */
export function renderConnections(list: readonly ConnectionDocument[], withHeader: boolean): string {
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(COLUMNS[column]![1]))
      .join('  ')
      .trimEnd();
  const header = withHeader ? [line(COLUMNS.map(([name]) => name))] : [];
  const rows = list.map((one) =>
    line([
      ...[one.protocol, one.client, one.vip, one.server, one.local === one.client ? '-' : one.local],
      ...[one.service ?? '-', one.owner, one.predicted ? `${one.state}?` : one.state, duration(one.expiresIn)],
    ]),
  );
  return [...header, ...rows].join('\n');
}
