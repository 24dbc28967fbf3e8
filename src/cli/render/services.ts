/** `sluice services` and `sluice servers`: health beside traffic. */
import type { ServerDocument, ServiceDocument } from '../../api/documents.ts';
import { bytes, count, duration, table } from './text.ts';

const TRAFFIC = ['NEW CONNS', 'PKTS IN', 'BYTES IN', 'PKTS OUT', 'BYTES OUT'];

export function renderServices(rows: readonly ServiceDocument[]): string {
  if (rows.length === 0) return 'no services';
  return table(
    ['SERVICE', 'VIP', 'PORTS', 'FORWARD', 'SCHED', 'LSA', 'HEALTHY', 'PROGRAMMED', ...TRAFFIC],
    rows.map((row) => [
      row.service,
      row.vips.join(', '),
      row.fwmark !== null ? `fwmark ${row.fwmark}` : `${row.protocol}/${row.ports.join(',')}`,
      row.forward,
      row.scheduler,
      row.lsa,
      `${row.healthy}/${row.servers}`,
      row.programmed ? 'yes' : 'no',
      ...traffic(row),
    ]),
    ['HEALTHY', ...TRAFFIC],
  );
}

export function renderServers(rows: readonly ServerDocument[]): string {
  if (rows.length === 0) return 'no servers';
  return table(
    ['SERVICE', 'SERVER', 'ADDRESS', 'WEIGHT', 'STATE', 'CHECK', 'LAST RUN', 'LAG', 'LAST RESULT', ...TRAFFIC],
    rows.map((row) => [
      row.service,
      row.server,
      row.address,
      String(row.weight),
      row.state,
      row.check,
      row.lastRunAge === null ? '-' : `${duration(row.lastRunAge)} ago`,
      row.lag === null ? '-' : duration(row.lag),
      row.lastResult ?? '-',
      ...traffic(row),
    ]),
    ['WEIGHT', 'LAST RUN', 'LAG', ...TRAFFIC],
  );
}

function traffic(row: ServiceDocument | ServerDocument): string[] {
  const { newConnections, packetsIn, bytesIn, packetsOut, bytesOut } = row;
  return [count(newConnections), count(packetsIn), bytes(bytesIn), count(packetsOut), bytes(bytesOut)];
}
