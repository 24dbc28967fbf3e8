/**
 * What a router's running configuration lacks for a cluster, and what in it is dangerous to one.
 *
 * In:  the text of `show running-config`, whatever it is; the cluster; which router it is, as far as the operator says.
 * Out: findings, each with its line, what comes of it, and the lines to add. Never throws, and never repeats a secret.
 * Not: it asks no router anything, and says nothing of what it cannot see (the kernel's hash, the hardware's tables).
 */
import { formatIpv4 } from '../base/ipv4.ts';
import type { Cluster } from '../model/cluster.ts';
import { areaLine, ofInterface, ofLink } from './check-interface.ts';
import type { Finding } from './finding.ts';
import { WHY } from './reasons.ts';
import {
  type ConfigLine,
  type Dialect,
  type OspfInterface,
  parseRunningConfig,
  type RunningConfig,
} from './running-config.ts';
import {
  type LinkUse,
  type RouterRequest,
  settingsFor,
  type UpstreamLink,
  type UpstreamOptions,
  type UpstreamSettings,
} from './settings.ts';

export interface CheckRequest {
  readonly dialect?: Dialect | undefined;
  /** Its links say which interfaces lead to directors; without it, those that speak OSPF in the area do. */
  readonly router?: RouterRequest | undefined;
  readonly options?: UpstreamOptions | undefined;
}

export interface RouterCheck {
  readonly dialect: Dialect;
  readonly version: number | null;
  /** Interfaces towards directors. */
  readonly interfaces: readonly string[];
  readonly findings: readonly Finding[];
}

/** Returns a sentence in place of findings when the text is no configuration, or the request does not fit the cluster. */
export function checkRunningConfig(
  text: string,
  cluster: Cluster,
  request: CheckRequest,
): RouterCheck | { readonly fault: string } {
  const config = parseRunningConfig(text, request.dialect);
  if (!config.recognised) return { fault: 'this is no running configuration of FRR, IOS, NX-OS or EOS' };
  const links = request.router?.links ?? [];
  const name = request.router?.name ?? 'router';
  const settings = settingsFor(cluster, { name, routerId: request.router?.routerId ?? 0, links }, request.options);
  if ('fault' in settings) return settings;
  const pairs = pairsOf(config, settings, request.router);
  const findings = [
    ...ofProcess(config, cluster, settings),
    ...ofHost(config),
    ...pairs.missing,
    ...pairs.found.flatMap(([own, wanted]) => ofInterface(config, settings, own, wanted)),
  ];
  const dialect = config.dialect;
  const interfaces = pairs.found.map(([own]) => own.name);
  return { dialect, version: config.version ?? null, interfaces, findings: findings.sort(byWeight) };
}

const WEIGHT = { dangerous: 0, missing: 1, advice: 2 } as const;

function byWeight(a: Finding, b: Finding): number {
  return WEIGHT[a.severity] - WEIGHT[b.severity] || (a.line ?? 0) - (b.line ?? 0);
}

type Pair = readonly [OspfInterface, UpstreamLink];

/** Each interface towards directors with the settings that it should have. */
function pairsOf(config: RunningConfig, settings: UpstreamSettings, router: RouterRequest | undefined) {
  const found: Pair[] = [];
  const missing: Finding[] = [];
  const named = (router?.links ?? []).filter(({ use }) => use.to === DIRECTORS);
  if (named.length > 0) {
    for (const link of settings.links) {
      const own = config.interfaces.find((one) => one.name === link.interface);
      if (own === undefined) missing.push(noInterface(config, settings, link));
      else found.push([own, link]);
    }
    return { found, missing };
  }
  for (const own of config.interfaces) {
    if (own.area?.value !== settings.area || own.passive !== undefined) continue;
    found.push([own, closest(config, own, settings.links)]);
  }
  if (found.length === 0 && config.ospf !== undefined) missing.push(nobody(config, settings));
  return { found, missing };
}

const DIRECTORS: LinkUse['to'] = 'directors';

function closest(config: RunningConfig, own: OspfInterface, links: readonly UpstreamLink[]): UpstreamLink {
  const differing = (link: UpstreamLink) => ofLink(config, own, link).length;
  return links.reduce((best, link) => (differing(link) < differing(best) ? link : best));
}

function noInterface(config: RunningConfig, settings: UpstreamSettings, link: UpstreamLink): Finding {
  return {
    severity: 'missing',
    line: null,
    found: `there is no interface ${link.interface}`,
    consequence: 'no director behind it gets an adjacency',
    add: [`interface ${link.interface}`, ` ${areaLine(config.dialect, settings.area)}`],
  };
}

function nobody(config: RunningConfig, settings: UpstreamSettings): Finding {
  return {
    severity: 'missing',
    line: config.ospf?.line ?? null,
    found: `no interface is seen to speak OSPF in area ${settings.area}`,
    consequence:
      'no director gets an adjacency; or the area comes from `network` lines, and --router has to name the interfaces',
    add: ['interface NAME', ` ${areaLine(config.dialect, settings.area)}`],
  };
}

/** What concerns the OSPF process as a whole. */
function ofProcess(config: RunningConfig, cluster: Cluster, settings: UpstreamSettings): Finding[] {
  const { ospf, dialect } = config;
  const head = dialect === 'frr' ? 'router ospf' : 'router ospf 1';
  if (ospf === undefined) {
    return [
      {
        severity: 'missing',
        line: null,
        found: 'there is no `router ospf`',
        consequence: 'the router learns no VIP',
        add: [head],
      },
    ];
  }
  const process: Process = { config, settings, ospf, head };
  return [
    ...twinIds(process, cluster),
    ...areaTypes(process),
    ...paths(process),
    ...helper(process),
    ...arrival(process),
    ...stubRouter(process),
    ...wayBack(process),
    ...waits(process),
  ];
}

interface Process {
  readonly config: RunningConfig;
  readonly settings: UpstreamSettings;
  readonly ospf: { readonly line: number; readonly lines: readonly ConfigLine[] };
  /** The line that begins the block. */
  readonly head: string;
}

function lineOf({ ospf }: Process, pattern: RegExp): ConfigLine | undefined {
  return ospf.lines.find(({ text }) => pattern.test(text));
}

function twinIds(process: Process, { directors }: Cluster): Finding[] {
  const line = lineOf(process, /^(ospf )?router-id \S/);
  const id = line?.text.split(/\s+/).at(-1);
  const twin = directors.find(({ routerId }) => formatIpv4(routerId) === id);
  if (line === undefined || twin === undefined) return [];
  return [
    {
      severity: 'dangerous',
      line: line.number,
      found: `router id ${id} is that of director ${twin.name}`,
      consequence: 'two routers of one id write over each other’s LSAs without end, and nobody’s routes are stable',
      add: [],
    },
  ];
}

function areaTypes(process: Process): Finding[] {
  const { area, areaType } = process.settings;
  const lines = process.ospf.lines.flatMap((line) => {
    const [, id, type] = /^area (\S+) (stub|nssa|not-so-stubby)\b/.exec(line.text) ?? [];
    return areaIdEquals(id, area) ? [{ line, type: type === 'stub' ? 'stub' : 'nssa' }] : [];
  });
  const [first] = lines;
  const has = first?.type ?? 'normal';
  if (has === areaType) return [];
  const add = areaType === 'normal' ? `no area ${area} ${has}` : `area ${area} ${areaType}`;
  return [
    {
      severity: 'missing',
      line: first?.line.number ?? process.ospf.line,
      found: `area ${area} is ${has} here and ${areaType} in the cluster file`,
      consequence: 'each side drops the other’s hellos: no adjacency',
      add: [process.head, ` ${add}`],
    },
  ];
}

function areaIdEquals(id: string | undefined, area: string): boolean {
  return id !== undefined && (id === area || (/^\d{1,10}$/.test(id) && formatIpv4(Number(id) >>> 0) === area));
}

/** What each takes unless told; undefined: more than a cluster has directors. */
const USUAL_PATHS: Readonly<Record<Dialect, number | undefined>> = { frr: undefined, eos: undefined, ios: 4, nxos: 8 };

function paths(process: Process): Finding[] {
  const { settings, config } = process;
  const line = lineOf(process, /^maximum-paths \d{1,6}$/);
  const most = line === undefined ? USUAL_PATHS[config.dialect] : Number(line.text.split(' ')[1]);
  if (most === undefined || most >= settings.directors) return [];
  return [
    {
      severity: 'dangerous',
      line: line?.number ?? process.ospf.line,
      found: `at most ${most} next hops of a route${line === undefined ? ' (the usual)' : ''}, and ${settings.directors} directors`,
      consequence: `${settings.directors - most} of them get no traffic, and nothing says so`,
      add: [process.head, ` maximum-paths ${settings.maximumPaths}`],
    },
  ];
}

function helper(process: Process): Finding[] {
  const { dialect } = process.config;
  const off = lineOf(process, /^(nsf ietf helper disable|graceful-restart helper-disable|no graceful-restart-helper)$/);
  const on = (line: string): Finding => ({
    severity: 'missing',
    line: off?.number ?? process.ospf.line,
    found: 'no help for directors that restart (RFC 3623)',
    consequence: 'each restart of an agent that takes longer than the dead interval takes its routes away',
    add: [process.head, ` ${line}`],
  });
  if (dialect === 'ios') return off === undefined ? [] : [on('no nsf ietf helper disable')];
  if (dialect === 'nxos') return off === undefined ? [] : [on('no graceful-restart helper-disable')];
  if (dialect === 'eos') return off === undefined ? [] : [on('graceful-restart-helper')];
  const word = 'graceful-restart helper enable';
  const findings = lineOf(process, new RegExp(`^${word}`)) === undefined ? [on(word)] : [];
  // Off unless it is said, in 8.4 and in 10.3.
  if (lineOf(process, /^capability opaque$/) !== undefined) return findings;
  return [
    ...findings,
    {
      severity: 'missing',
      line: process.ospf.line,
      found: 'no opaque LSAs',
      consequence: 'a director that asks for help while it restarts is not heard',
      add: [process.head, ' capability opaque'],
    },
  ];
}

function arrival(process: Process): Finding[] {
  const { config, settings } = process;
  if (settings.speaker !== 'frr' || config.dialect !== 'frr') return [];
  const line = lineOf(process, /^timers lsa min-arrival \d{1,7}$/);
  if (line?.text.endsWith(' 0') === true) return [];
  return [
    {
      severity: 'missing',
      line: line?.number ?? process.ospf.line,
      found: `LSAs that come within ${line?.text.split(' ').at(-1) ?? '1000'} ms of the last are dropped`,
      consequence:
        'an FRR director that starts has its VIPs here 5 s late, and loses them for 6 to 11 s when it restarts',
      add: [process.head, ' timers lsa min-arrival 0'],
    },
  ];
}

function stubRouter(process: Process): Finding[] {
  const findings: Finding[] = [];
  const metric = lineOf(process, /^max-metric router-lsa administrative$/);
  if (metric !== undefined) {
    findings.push({
      severity: 'dangerous',
      line: metric.number,
      found: 'the router says of itself that nobody should go through it',
      consequence: 'directors and others reach each other through it only where there is no other way',
      add: [process.head, ` no ${metric.text}`],
    });
  }
  const te = lineOf(process, /^mpls-te on$/);
  if (te !== undefined && process.config.dialect === 'frr') {
    findings.push({
      severity: 'dangerous',
      line: te.number,
      found: '`mpls-te on`',
      consequence: 'ospfd of FRR 8.4 and 10.3 ends at one opaque LSA with router information, from whomever it comes',
      add: [process.head, ' no mpls-te on'],
    });
  }
  return findings;
}

function wayBack(process: Process): Finding[] {
  const { areaType, defaultRoute } = process.settings;
  if (
    areaType === 'stub' ||
    !defaultRoute ||
    lineOf(process, /default-information[- ]originate|no-summary/) !== undefined
  )
    return [];
  const add =
    areaType === 'nssa'
      ? ` area ${process.settings.area} nssa default-information-originate`
      : ' default-information originate always';
  return [
    {
      severity: 'advice',
      line: process.ospf.line,
      found: 'directors get no default route from here',
      consequence: `${WHY.defaultRoute}, unless another router or a static route leads them`,
      add: [process.head, add],
    },
  ];
}

/** Milliseconds; more than FRR's and Cisco's usual first wait, and it is felt. */
const LONG_WAIT = 200;

function waits(process: Process): Finding[] {
  const line = lineOf(process, /^timers throttle spf \d{1,7} \d{1,7} \d{1,7}$/);
  const first = Number(line?.text.split(' ')[3] ?? 0);
  if (line === undefined || first <= LONG_WAIT) return [];
  return [
    {
      severity: 'advice',
      line: line.number,
      found: `the first SPF run waits ${first} ms`,
      consequence: 'every VIP comes and goes so much later',
      add: [process.head, ' timers throttle spf 0 50 5000'],
    },
  ];
}

/** What concerns the router beyond OSPF. */
function ofHost({ dialect, top }: RunningConfig): Finding[] {
  const findings: Finding[] = [];
  const nexthops = top.find(({ text }) => text === 'no zebra nexthop kernel enable');
  if (dialect === 'frr' && nexthops === undefined) {
    findings.push({
      severity: 'dangerous',
      line: null,
      found: '`no zebra nexthop kernel enable` is not there',
      consequence:
        'after a carrier loss FRR 8.4 loses a director’s next hop for good, and FRR 10.3 sends to a dead director as soon as the carrier is back',
      add: ['no zebra nexthop kernel enable'],
    });
  }
  const idle = top.find(({ text }) => text === 'no ip forwarding' || text === 'no ip routing');
  if (idle !== undefined) {
    findings.push({
      severity: 'dangerous',
      line: idle.number,
      found: `\`${idle.text}\``,
      consequence: 'the router forwards nothing',
      add: [idle.text.slice('no '.length)],
    });
  }
  return findings;
}
