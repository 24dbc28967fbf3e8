/** `sluice services` and `sluice servers`: health beside traffic. */
import type { ServerDocument, ServiceDocument } from '../../api/documents.ts';
import { bytes, count, duration, plural, table } from './text.ts';

const TRAFFIC = ['NEW CONNS', 'PKTS IN', 'BYTES IN', 'PKTS OUT', 'BYTES OUT'];

export function renderServices(rows: readonly ServiceDocument[]): string {
  if (rows.length === 0) return 'no services';
  const services = table(
    ['SERVICE', 'VIP', 'PORTS', 'FORWARD', 'SCHED', 'LSA', 'HEALTHY', 'PROGRAMMED', 'ACTIVE', ...TRAFFIC],
    rows.map((row) => [
      row.service,
      row.vips.join(', '),
      row.fwmark !== null ? `fwmark ${row.fwmark}` : `${row.protocol}/${row.ports.join(',')}`,
      row.forward,
      row.scheduler,
      row.lsa,
      `${row.healthy}/${row.servers}`,
      row.programmed ? 'yes' : 'no',
      known(row.active),
      ...traffic(row),
    ]),
    ['HEALTHY', 'ACTIVE', ...TRAFFIC],
  );
  const remarks = rows.flatMap(remarksOn);
  return remarks.length === 0 ? services : `${services}\n\n${remarks.join('\n')}`;
}

/** What should not happen, and is 0 as a rule. */
function remarksOn({ service, misses, persistenceFull }: ServiceDocument): string[] {
  const lost = `${service}: ${plural(misses, 'new connection')} found no server and came to nothing`;
  const forgotten = `${service}: ${plural(persistenceFull, 'new connection')} of clients that there was no room to remember`;
  return [...(misses > 0 ? [lost] : []), ...(persistenceFull > 0 ? [forgotten] : [])];
}

export function renderServers(rows: readonly ServerDocument[]): string {
  if (rows.length === 0) return 'no servers';
  return table(
    [
      'SERVICE',
      'SERVER',
      'ADDRESS',
      'WEIGHT',
      'STATE',
      'CHECK',
      'LAST RUN',
      'LAG',
      'LAST RESULT',
      'ACTIVE',
      ...TRAFFIC,
    ],
    rows.map((row) => [
      row.service,
      row.server,
      row.address,
      String(row.weight),
      standing(row),
      row.check,
      row.lastRunAge === null ? '-' : `${duration(row.lastRunAge)} ago`,
      row.lag === null ? '-' : duration(row.lag),
      row.lastResult ?? '-',
      row.limit === null ? known(row.active) : `${known(row.active)}/${count(row.limit)}`,
      ...traffic(row),
    ]),
    ['WEIGHT', 'LAST RUN', 'LAG', 'ACTIVE', ...TRAFFIC],
  );
}

function known(active: number | null): string {
  return active === null ? '-' : count(active);
}

/** `up`, `up 3/10` while it comes back slowly, `draining 42 s`, `down`. */
function standing({ state, phase, phaseEnds, tenths }: ServerDocument): string {
  if (phase === 'sorry') return phase;
  if (phase === 'serving') return tenths < 10 ? `${state} ${tenths}/10` : state;
  return phaseEnds === null ? phase : `${phase} ${duration(phaseEnds)}`;
}

function traffic(row: ServiceDocument | ServerDocument): string[] {
  const { newConnections, packetsIn, bytesIn, packetsOut, bytesOut } = row;
  return [count(newConnections), count(packetsIn), bytes(bytesIn), count(packetsOut), bytes(bytesOut)];
}
