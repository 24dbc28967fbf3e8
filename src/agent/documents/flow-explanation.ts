/** `GET /v1/explain`: what this director makes of a new connection, and why. */
import type { ExplanationDocument } from '../../api/documents.ts';
import { RequestError } from '../../api/server.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../core/base/ipv4.ts';
import { type Choice, explainChoice } from '../../core/dataplane/explain/choice.ts';
import { flowSources } from '../../core/hash/flow-prediction.ts';
import { IPVS_MH_SLOTS } from '../../core/hash/ipvs-mh.ts';
import type { DesiredDataplane, DesiredServer, DesiredService } from '../../core/model/dataplane.ts';
import type { Plane } from '../../core/model/plane.ts';
import { DEFAULT_SCHEDULER, formatScheduler, type Scheduler } from '../../core/model/scheduler.ts';
import type { RememberedClient } from '../../drivers/dataplane/port.ts';

export interface Flow {
  readonly client: Ipv4;
  readonly clientPort: number;
  readonly vip: Ipv4;
  readonly port: number;
  /** Undefined = whichever has a service; TCP if both do. */
  readonly protocol: 'tcp' | 'udp' | undefined;
  /** As the operator's own rules would mark its packets; 0 = not at all. */
  readonly mark: number;
}

/** What is asked of the agent. */
export interface ExplainingAgent {
  readonly director: string;
  readonly desired: DesiredDataplane;
  isProgrammed(service: DesiredService): boolean;
  /** The server that the kernel remembers for a client. */
  remembered(service: string, client: Ipv4): Promise<RememberedClient | undefined>;
}

/** @throws RequestError (400) for what is not a flow */
export function flowOf(query: URLSearchParams): Flow {
  const protocol = query.get('protocol') ?? undefined;
  if (protocol !== undefined && protocol !== 'tcp' && protocol !== 'udp') {
    throw new RequestError(400, 'bad-request', `protocol must be tcp or udp, not '${protocol}'`);
  }
  return {
    client: addressOf(query, 'client'),
    clientPort: numberOf(query, 'clientPort', 1, 65535),
    vip: addressOf(query, 'vip'),
    port: numberOf(query, 'port', 1, 65535),
    protocol,
    mark: query.has('mark') ? numberOf(query, 'mark', 1, 0xffffffff) : 0,
  };
}

function addressOf(query: URLSearchParams, name: string): Ipv4 {
  const text = query.get(name) ?? '';
  const address = parseIpv4(text);
  if (address === undefined) throw new RequestError(400, 'bad-request', `${name} must be an address, not '${text}'`);
  return address;
}

function numberOf(query: URLSearchParams, name: string, least: number, most: number): number {
  const text = query.get(name) ?? '';
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new RequestError(400, 'bad-request', `${name} must be a number from ${least} to ${most}, not '${text}'`);
}

/** As in the kernel: direct routing takes packets before anyone can mark them, and a mark goes before ports. */
function serviceOf({ services }: DesiredDataplane, { vip, port, protocol, mark }: Flow): DesiredService | undefined {
  const there = services.filter(({ vips, ports }) => vips.includes(vip) && ports.includes(port));
  const [byPort] = (['tcp', 'udp'] as const)
    .filter((one) => protocol === undefined || one === protocol)
    .flatMap((one) => there.filter((service) => service.protocol === one));
  if (byPort?.direct !== undefined) return byPort;
  return services.find(({ fwmark }) => fwmark !== undefined && fwmark === mark) ?? byPort;
}

export async function explainFlow(agent: ExplainingAgent, flow: Flow): Promise<ExplanationDocument> {
  const { desired, director } = agent;
  const service = serviceOf(desired, flow);
  const asked = {
    director,
    client: `${formatIpv4(flow.client)}:${flow.clientPort}`,
    destination: `${formatIpv4(flow.vip)}:${flow.port}`,
  };
  if (service === undefined) return { ...asked, ...NO_SERVICE, why: whyNoService(desired, flow) };
  const entry = service.persistence === undefined ? undefined : await agent.remembered(service.name, flow.client);
  const choice = explainChoice(service, desired.plane, { ...flow, vipPort: flow.port }, entry?.server);
  const source = flowSources(desired, service)(flow.client, flow.clientPort);
  const { scheduler = DEFAULT_SCHEDULER } = service;
  return {
    ...asked,
    service: service.name,
    protocol: service.fwmark === undefined ? service.protocol : (flow.protocol ?? 'tcp'),
    fwmark: service.fwmark ?? null,
    scheduler: formatScheduler(scheduler),
    programmed: agent.isProgrammed(service),
    reason: choice.reason,
    why: whyServer(choice, service, entry),
    slot: slotOf(choice, scheduler, desired.plane),
    owner: choice.owner?.name ?? null,
    server: serverOf(choice.server, flow.port),
    persistence: persistenceOf(service, entry),
    source: source === undefined ? null : { address: formatIpv4(source.address), port: source.port },
  };
}

const NO_SERVICE = {
  service: null,
  protocol: null,
  fwmark: null,
  scheduler: null,
  programmed: false,
  reason: 'no-service',
  slot: null,
  owner: null,
  server: null,
  persistence: null,
  source: null,
} as const;

function whyNoService({ services }: DesiredDataplane, { vip, port, protocol, mark }: Flow): string {
  if (mark !== 0 && services.some(({ fwmark }) => fwmark !== undefined)) return `no service has the fwmark ${mark}`;
  const there = services.filter(({ vips }) => vips.includes(vip));
  if (there.length === 0) return `${formatIpv4(vip)} is the VIP of no service`;
  const marks = there.flatMap(({ name, fwmark }) => (fwmark === undefined ? [] : [`${name} has the fwmark ${fwmark}`]));
  const hint = marks.length === 0 ? '' : `; ${marks.join(', ')}: --mark says that packets have it`;
  const which = protocol === undefined ? '' : ` of ${protocol}`;
  return `no service on ${formatIpv4(vip)} has port ${port}${which}${hint}`;
}

function slotOf({ slot }: Choice, scheduler: Scheduler, plane: Plane | undefined): ExplanationDocument['slot'] {
  if (slot === undefined || scheduler.name !== 'mh') return null;
  return { number: slot, of: plane === 'ipvs' ? IPVS_MH_SLOTS : scheduler.slots };
}

function serverOf(server: DesiredServer | undefined, port: number): ExplanationDocument['server'] {
  return server === undefined ? null : { name: server.name, address: formatIpv4(server.address), port };
}

function persistenceOf(
  { servers }: DesiredService,
  entry: RememberedClient | undefined,
): ExplanationDocument['persistence'] {
  if (entry === undefined) return null;
  const { server: address, expiresIn } = entry;
  const name = servers.find((server) => server.address === address)?.name ?? null;
  return { server: name, address: formatIpv4(address), expiresIn: Math.round(expiresIn) };
}

function stateText({ name, state, tenths }: DesiredServer): string {
  if (state === 'up' && tenths !== undefined)
    return `${name} comes back slowly, so far with ${tenths} tenths of its slots`;
  return `${name} is ${state}`;
}

/** One sentence; what it says of servers that cannot be reached is why they were not taken. */
function whyServer(choice: Choice, service: DesiredService, entry: RememberedClient | undefined): string {
  const { reason, server, owner, slot, takers } = choice;
  if (reason === 'persistence') return `this client has been given ${server?.name}`;
  const left = entry === undefined ? '' : `${formerText(service, entry)}; `;
  const states = service.servers.map(stateText).join(', ');
  if (reason === 'nobody') return `${left}no server takes new connections: ${states}`;
  if (reason === 'turns') {
    if (server !== undefined) return `${left}connections take turns, and only ${server.name} takes new ones`;
    const names = takers.map(({ name }) => name).join(', ');
    return `${left}connections take turns among ${names}: nobody can say whose turn is next`;
  }
  const found = `the hash of the client's address${usesPort(service) ? ' and port' : ''} finds slot ${slot}`;
  if (owner === undefined || reason === 'slot') return `${left}${found}, which is ${server?.name}'s`;
  return `${left}${found}, which is ${owner.name}'s; ${stateText(owner)}, and ${server?.name} stands in for it there`;
}

function usesPort({ scheduler = DEFAULT_SCHEDULER }: DesiredService): boolean {
  return scheduler.name === 'mh' && scheduler.sourcePort;
}

function formerText({ servers }: DesiredService, { server: address }: RememberedClient): string {
  const former = servers.find((server) => server.address === address);
  return `this client had ${former === undefined ? `${formatIpv4(address)}, which is no server any more` : `${former.name}, but ${stateText(former)}`}`;
}
