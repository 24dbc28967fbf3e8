/** `sluice status`: one screen that says who this is, what state it is in, and for each VIP whether and why not. */
import type { StatusDocument, VipStatus } from '../../api/documents.ts';
import { duration, plural, table } from './text.ts';

export function renderStatus(status: StatusDocument): string {
  const facts: [string, string][] = [
    ['state', [status.state, ...status.waitingFor].join('; ')],
    ...status.restarts.map((one): [string, string] => ['restart', restartLine(one)]),
    ['up', `${duration(status.uptime)}, pid ${status.pid}, sluice ${status.version}`],
    ['router id', status.routerId],
    [
      'neighbors',
      [`${status.neighbors.full} of ${status.neighbors.total} full`, ...status.neighbors.missing].join('; '),
    ],
    ...localLines(status),
    ...portsLine(status),
    ...syncLine(status),
    ['data plane', dataplaneLine(status)],
    ...linkLine(status),
    ['process', processLine(status)],
    ['config', configLine(status)],
  ];
  const head = `${status.cluster} / ${status.director}`;
  const body = facts.map(([name, value]) => `  ${name.padEnd(11)} ${value}`).join('\n');
  return `${head}\n${body}\n\n${vipTable(status.vips)}`;
}

/** Only where there are such addresses. */
function localLines({ local }: StatusDocument): [string, string][] {
  return (['local', 'snat'] as const).flatMap((which): [string, string][] => {
    const own = local.filter((one) => one.class === which);
    if (own.length === 0) return [];
    return [
      [which, own.map(({ address, announced }) => `${address}${announced ? '' : ' (not announced)'}`).join(', ')],
    ];
  });
}

/** Only with FullNAT. */
function portsLine({ portBlocks }: StatusDocument): [string, string][] {
  if (portBlocks === null) return [];
  const fills = portBlocks.addresses?.map(({ address, blocks, fill }) => {
    return `${address} ${plural(blocks, 'block')} ${Math.floor(fill * 100)}% full`;
  });
  const own = fills?.length === 0 ? ['no blocks'] : (fills ?? ['not counted']);
  return [['ports', `${own.join(', ')}; ownership ${portBlocks.digest}`]];
}

/** Only where connections are synced. */
function syncLine({ sync }: StatusDocument): [string, string][] {
  if (sync === null) return [];
  const living = sync.living === null ? [] : [`${sync.living.join(', ')} live`];
  const dead = sync.dead.length === 0 ? [] : [`${sync.dead.join(', ')} gone`];
  const state = sync.fault === null ? sync.state : `${sync.state}: ${sync.fault}`;
  return [['sync', [state, ...living, ...dead, ...sync.troubles].join('; ')]];
}

function restartLine({ instance, planned, left, waitingFor }: StatusDocument['restarts'][number]): string {
  const what = `${instance}: ${planned ? 'planned' : 'unplanned'}, at most ${duration(left)} more`;
  return waitingFor.length === 0 ? what : `${what}; waiting for ${waitingFor.join(', ')}`;
}

function dataplaneLine({ dataplane, uptime }: StatusDocument): string {
  const programmed = dataplane.programmed.length === 0 ? 'nothing programmed' : dataplane.programmed.join(', ');
  const when =
    dataplane.lastApply === null ? 'not applied yet' : `applied ${duration(uptime - dataplane.lastApply)} ago`;
  const fault = dataplane.fault === null ? '' : `; FAULT: ${dataplane.fault}`;
  const plain = dataplane.plainPorts === null ? '' : '; source ports cannot be predicted';
  const reason = dataplane.reason === null ? '' : ` (${dataplane.reason})`;
  const foreign = dataplane.foreign.length === 0 ? '' : `; of others: ${dataplane.foreign.join(', ')}`;
  return `${dataplane.name}${reason}: ${programmed}; ${when}${plain}${foreign}${fault}`;
}

/** Only where there is something to say. */
function linkLine({ heldLinks }: StatusDocument): [string, string][] {
  const words = {
    held: 'is held down until the data plane is programmed',
    missing: 'does not exist',
    refused: 'is not held: the only default route leads through it',
  };
  const lines = heldLinks.flatMap(({ interface: name, state }) =>
    state === 'released' ? [] : [`${name} ${words[state]}`],
  );
  return lines.length === 0 ? [] : [['links', lines.join('; ')]];
}

function processLine({ process: { priority, eventLoopDelay } }: StatusDocument): string {
  const refused = priority.refused === null ? '' : ` (not raised: ${priority.refused})`;
  const { p99, p999, max } = eventLoopDelay;
  const late = `event loop late by ${duration(p99)} (p99), ${duration(p999)} (p99.9), ${duration(max)} at most`;
  return `nice ${priority.nice}${refused}; ${late}`;
}

function configLine({ config }: StatusDocument): string {
  const inForce = `${config.path} (${config.hash.slice(0, 12)})`;
  return config.stale === null ? inForce : `${inForce}; the file on disk was REFUSED: ${config.stale}`;
}

function vipTable(vips: readonly VipStatus[]): string {
  if (vips.length === 0) return 'no VIPs';
  const rows = vips.map((vip) => [
    vip.vip,
    vip.announced ? 'yes' : 'no',
    vip.metric === null ? '-' : String(vip.metric),
    vip.lsa ?? '-',
    vip.services.join(', '),
    vip.waitingFor.join('; '),
  ]);
  const shown = table(['VIP', 'ANNOUNCED', 'METRIC', 'LSA', 'SERVICES', 'WAITING FOR'], rows, ['METRIC']);
  const silent = vips.filter((vip) => !vip.announced).length;
  return silent === 0 ? shown : `${shown}\n${plural(silent, 'VIP')} not announced`;
}
