/** How a real server is prepared, for users of the product such as the CLI and the lab. */
import { formatFault } from '../core/base/fault.ts';
import { parseIpv4 } from '../core/base/ipv4.ts';
import { parseCluster } from '../core/config/parse.ts';
import type { Cluster } from '../core/model/cluster.ts';
import { type AuditedSection, audit, deviations, mending, script } from '../core/realserver/audit.ts';
import { type HostAnswers, type HostFacts, hostFacts, NO_FACTS } from '../core/realserver/facts.ts';
import type { Command } from '../core/realserver/need.ts';
import { type Section, servedText, serverSections } from '../core/realserver/sections.ts';
import { metDirectors, servedBy, servedDevice, type Told } from '../core/realserver/served.ts';

export { commandLines } from '../core/realserver/audit.ts';
export { sourceMacReturnRules } from '../core/realserver/source-mac-return.ts';
export type { Command };

/** A host that is, or is to be, a real server; given by whoever may look at it and run commands there. */
export interface ServerHost {
  /** `directors`: addresses whose MAC is wanted. */
  answers(directors: readonly number[]): Promise<HostAnswers>;
  /** @returns what the command complained of; undefined = it ran, or need not have */
  run(command: Command): Promise<string | undefined>;
}

export interface ServerQuestion {
  /** The cluster file, and its text. */
  readonly file: string;
  readonly text: string;
  /** Names of the file; undefined = whatever has an address of this host, all services. */
  readonly server?: string | undefined;
  readonly service?: string | undefined;
  readonly interface?: string | undefined;
  /** `NAME=ADDRESS` or `NAME=ADDRESS,MAC` of directors. */
  readonly directors: readonly string[];
}

/** What a server of the cluster needs, and what is known of the host. */
export interface ServerPlan {
  readonly heading: string;
  readonly sections: readonly Section[];
  readonly facts: HostFacts;
}

export interface RealServerDocument {
  /** A line: which server of which cluster. */
  readonly server: string;
  readonly sections: readonly AuditedSection[];
  readonly deviations: number;
}

type Refused = { readonly faults: readonly string[] };

interface Read {
  readonly cluster: Cluster;
  readonly told: ReadonlyMap<string, Told>;
}

const USUAL_MTU = 1500;

/** @returns the plan of what the question asks, or sentences that say what is wrong with it */
export async function planServer(question: ServerQuestion, host: ServerHost): Promise<ServerPlan | Refused> {
  const read = readQuestion(question);
  return 'faults' in read ? read : planOf(question, read, await lookAt(host, read));
}

/** The same for a host that cannot be looked at: server and interface have to be named. */
export function planStranger(question: ServerQuestion): ServerPlan | Refused {
  const read = readQuestion(question);
  return 'faults' in read ? read : planOf(question, read, NO_FACTS);
}

function readQuestion({ file, text, directors }: ServerQuestion): Read | Refused {
  const parsed = parseCluster(text);
  if ('faults' in parsed) return { faults: parsed.faults.map((fault) => formatFault(file, fault)) };
  const { cluster } = parsed;
  const told = new Map<string, Told>();
  for (const one of directors) {
    const director = readDirector(one);
    if (director === undefined) {
      return { faults: [`--director ${one}: expected NAME=ADDRESS or NAME=ADDRESS,MAC, such as d1=10.2.0.11`] };
    }
    const [name, settings] = director;
    const names = cluster.directors.map((known) => known.name);
    if (!names.includes(name)) return { faults: [`--director ${one}: the directors are ${names.join(', ')}`] };
    told.set(name, settings);
  }
  return { cluster, told };
}

const DIRECTOR = /^([^=]+)=([\d.]+)(?:,([\da-f]{2}(?::[\da-f]{2}){5}))?$/i;

function readDirector(text: string): [string, Told] | undefined {
  const [, name, dotted = '', mac] = DIRECTOR.exec(text) ?? [];
  const address = parseIpv4(dotted);
  return name === undefined || address === undefined ? undefined : [name, { address, mac }];
}

/** MAC addresses matter where there is a choice, and it was not made for us. */
async function lookAt(host: ServerHost, { cluster, told }: Read): Promise<HostFacts> {
  const unknown = cluster.directors.filter(({ name, macs }) => told.get(name)?.mac === undefined && macs?.length !== 1);
  const isNat = cluster.services.some(({ forward }) => forward === 'nat');
  const asked = isNat && cluster.directors.length > 1 ? unknown : [];
  return hostFacts(await host.answers(asked.flatMap(({ name, inside }) => told.get(name)?.address ?? inside ?? [])));
}

function planOf(question: ServerQuestion, { cluster, told }: Read, facts: HostFacts): ServerPlan | Refused {
  const served = servedBy(cluster, question, facts);
  if ('fault' in served) return { faults: [served.fault] };
  const device = question.interface ?? servedDevice(served, facts);
  if (device === undefined) {
    return { faults: [`no interface here has the address of ${servedText(served)}; say which one with --interface`] };
  }
  if (!/^[^\s"/]{1,15}$/.test(device)) return { faults: [`--interface ${device}: not an interface name`] };
  const mtu = facts.links.find(({ name }) => name === device)?.mtu ?? USUAL_MTU;
  const sections = serverSections({ cluster, served, device, mtu, directors: metDirectors(cluster, told, facts) });
  if ('fault' in sections) return { faults: [sections.fault] };
  const heading = `Real server ${servedText(served)} of cluster ${cluster.cluster}, on ${device}`;
  return { heading, sections, facts };
}

export function auditPlan({ heading, sections, facts }: ServerPlan): RealServerDocument {
  const audited = audit(sections, facts);
  return { server: heading, sections: audited, deviations: deviations(audited) };
}

/** For a shell on a host of which nothing is known. */
export function planScript({ heading, sections }: ServerPlan): string {
  return script(heading, sections);
}

/** What mends all that can be mended, in order. */
export function planCommands({ sections, facts }: ServerPlan): readonly Command[] {
  return mending(sections, facts);
}
