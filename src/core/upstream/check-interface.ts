/** What an interface towards directors lacks in a router's running configuration, or has otherwise than the cluster file. */
import type { Finding } from './finding.ts';
import type { Dialect, OspfInterface, RunningConfig } from './running-config.ts';
import type { UpstreamLink, UpstreamSettings } from './settings.ts';
import { networkWord } from './words.ts';

export function areaLine(dialect: Dialect, area: string): string {
  if (dialect === 'ios') return `ip ospf 1 area ${area}`;
  return dialect === 'nxos' ? `ip router ospf 1 area ${area}` : `ip ospf area ${area}`;
}

/** What is wrong with one interface towards directors. */
export function ofInterface(
  config: RunningConfig,
  settings: UpstreamSettings,
  own: OspfInterface,
  wanted: UpstreamLink,
): Finding[] {
  const findings: Finding[] = [];
  const add = (line: string) => [`interface ${own.name}`, ` ${line}`];
  const unknownArea = own.area === undefined && config.ospf?.lines.some(({ text }) => /^network /.test(text)) === true;
  if (own.area?.value !== settings.area && !unknownArea) {
    findings.push({
      severity: 'missing',
      line: own.area?.line ?? own.line,
      found: `${own.name} is in ${own.area === undefined ? 'no area' : `area ${own.area.value}`}`,
      consequence: `no adjacency: the directors are in area ${settings.area}`,
      add: add(areaLine(config.dialect, settings.area)),
    });
  }
  if (own.passive !== undefined) {
    findings.push({
      severity: 'missing',
      line: own.passive.line,
      found: `${own.name} is passive`,
      consequence: 'no OSPF is spoken there, so no director is found',
      add:
        config.dialect === 'frr' ? add('no ip ospf passive') : [`router ospf 1`, ` no passive-interface ${own.name}`],
    });
  }
  return [...findings, ...ofLink(config, own, wanted)];
}

/** Ten and forty seconds unless told (RFC 2328 C.3), on every vendor's broadcast and point-to-point interfaces. */
const USUAL = { hello: 10, dead: 40 } as const;

export function ofLink({ dialect }: RunningConfig, own: OspfInterface, wanted: UpstreamLink): Finding[] {
  const at = (line: number | undefined) => line ?? own.line;
  const add = (...lines: readonly string[]) => [`interface ${own.name}`, ...lines.map((line) => ` ${line}`)];
  const findings: Finding[] = [];
  const network = networkWord(dialect, wanted.network) ?? wanted.network;
  const has = own.network?.value ?? 'broadcast';
  if (has !== network) {
    findings.push({
      severity: 'missing',
      line: at(own.network?.line),
      found: `${own.name}: network ${has}${own.network === undefined ? ' (the usual)' : ''}, the cluster file has ${wanted.network}`,
      consequence: 'the adjacency may come up, and no route is ever computed through it, or none comes up at all',
      add: add(`ip ospf network ${network}`),
    });
  }
  const timers = timersOf(own);
  if (timers.hello !== wanted.hello || timers.dead !== wanted.dead) {
    findings.push({
      severity: 'missing',
      line: at((own.multiplier ?? own.hello ?? own.dead)?.line),
      found: `${own.name}: hello ${timers.hello} ms, dead ${timers.dead} ms; the cluster file has ${wanted.hello} ms, ${wanted.dead} ms`,
      consequence: 'each side drops the other’s hellos: no adjacency',
      add: add(...timerLines(wanted)),
    });
  }
  if ((wanted.network === 'broadcast' || wanted.network === 'nbma') && (own.priority?.value ?? 1) === 0) {
    findings.push({
      severity: 'dangerous',
      line: at(own.priority?.line),
      found: `${own.name}: priority 0`,
      consequence: 'without another router there is no designated router, and no route through this network',
      add: add(`ip ospf priority ${wanted.priority}`),
    });
  }
  if (wanted.bfd !== undefined && own.bfd === undefined) {
    findings.push({
      severity: 'missing',
      line: own.line,
      found: `${own.name}: no BFD`,
      consequence: `a director that dies is noticed after ${wanted.dead} ms only`,
      add: add(dialect === 'eos' ? 'ip ospf neighbor bfd' : 'ip ospf bfd'),
    });
  }
  return [...findings, ...ofAuthentication(own, wanted)];
}

/** Milliseconds; several hellos a second go with a dead interval of one (FRR, IOS). */
function timersOf({ hello, dead, multiplier }: OspfInterface): { readonly hello: number; readonly dead: number } {
  if (multiplier !== undefined && multiplier.value > 0) {
    return { hello: Math.round(1000 / multiplier.value), dead: 1000 };
  }
  const seconds = hello?.value ?? USUAL.hello;
  // Unless told, four times hello; FRR says 40 s all the same.
  return { hello: seconds * 1000, dead: (dead?.value ?? USUAL.dead) * 1000 };
}

function timerLines({ hello, dead }: UpstreamLink): readonly string[] {
  if (hello < 1000) return [`ip ospf dead-interval minimal hello-multiplier ${Math.round(1000 / hello)}`];
  return [`ip ospf hello-interval ${hello / 1000}`, `ip ospf dead-interval ${dead / 1000}`];
}

/** How each algorithm stands in a configuration. */
function kindOf(algorithm: string | undefined): 'none' | 'simple' | 'message-digest' | 'key-chain' {
  if (algorithm === undefined) return 'none';
  if (algorithm === 'simple') return 'simple';
  return algorithm === 'md5' ? 'message-digest' : 'key-chain';
}

function ofAuthentication(own: OspfInterface, { auth }: UpstreamLink): Finding[] {
  const wanted = kindOf(auth?.algorithm);
  const has = own.authentication?.value ?? 'none';
  // EOS writes its HMACs as message digests.
  const same =
    has === wanted || (has === 'null' && wanted === 'none') || (wanted === 'key-chain' && has === 'message-digest');
  const line = own.authentication?.line ?? own.line;
  if (!same) {
    return [
      {
        severity: 'missing',
        line,
        found: `${own.name}: authentication ${has}, the cluster file has ${auth?.algorithm ?? 'none'}`,
        consequence: 'each side drops the other’s packets: no adjacency',
        add: [`interface ${own.name}`, ` ${authenticationLine(wanted)}`],
      },
    ];
  }
  const ids = (auth?.keys ?? []).map(({ id }) => id);
  if (wanted !== 'message-digest' || own.digestKeys.some(({ value }) => ids.includes(value))) return [];
  return [
    {
      severity: 'missing',
      line: own.digestKeys[0]?.line ?? line,
      found: `${own.name}: no message-digest-key ${ids.join(' or ')}`,
      consequence: 'packets with a key id that the other side does not know are dropped: no adjacency',
      add: [`interface ${own.name}`, ` ip ospf message-digest-key ${ids.at(-1) ?? 1} md5 SECRET`],
    },
  ];
}

function authenticationLine(kind: 'none' | 'simple' | 'message-digest' | 'key-chain'): string {
  if (kind === 'none') return 'no ip ospf authentication';
  if (kind === 'simple') return 'ip ospf authentication';
  return `ip ospf authentication ${kind}${kind === 'key-chain' ? ' NAME' : ''}`;
}
