/**
 * Reads `show running-config` of FRR and of those whose configuration looks like Cisco's: IOS, IOS XE, NX-OS, EOS.
 *
 * In:  any text; never throws. Lines that mean nothing here are passed over.
 * Out: what the text says of OSPF, each thing with the number of its line, counted from 1.
 * Not: no judgement (check.ts).
 */
import { formatIpv4, type Prefix, parseIpv4, parsePrefix, prefixContains } from '../base/ipv4.ts';

export type Dialect = 'frr' | 'ios' | 'nxos' | 'eos';

/** A value with the line that it stands in. */
export interface At<T> {
  readonly value: T;
  readonly line: number;
}

export interface OspfInterface {
  readonly name: string;
  /** Of its first `interface` line. */
  readonly line: number;
  readonly area: At<string> | undefined;
  readonly passive: At<true> | undefined;
  readonly network: At<string> | undefined;
  /** Seconds. */
  readonly hello: At<number> | undefined;
  readonly dead: At<number> | undefined;
  /** Hellos per second; the dead interval is 1 s then. */
  readonly multiplier: At<number> | undefined;
  readonly priority: At<number> | undefined;
  readonly authentication: At<'simple' | 'message-digest' | 'key-chain' | 'null'> | undefined;
  /** Ids of the keys that stand on the interface itself. */
  readonly digestKeys: readonly At<number>[];
  readonly bfd: At<true> | undefined;
}

/** A line of the configuration, without its indentation. */
export interface ConfigLine {
  readonly number: number;
  readonly text: string;
}

export interface RunningConfig {
  readonly dialect: Dialect;
  /** The first two parts of the version, where the text says it: 8.4, 10.3. */
  readonly version: number | undefined;
  readonly interfaces: readonly OspfInterface[];
  /** The first `router ospf` block; undefined = there is none. */
  readonly ospf: { readonly line: number; readonly lines: readonly ConfigLine[] } | undefined;
  /** Lines outside every block. */
  readonly top: readonly ConfigLine[];
  /** Whether anything of it looks like a router's configuration. */
  readonly recognised: boolean;
}

interface Block {
  readonly header: ConfigLine;
  readonly lines: ConfigLine[];
}

export function parseRunningConfig(text: string, dialect?: Dialect): RunningConfig {
  const blocks = blocksOf(text);
  const top = blocks.map(({ header }) => header);
  const read = dialect ?? dialectOf(top);
  const routers = blocks.filter(({ header }) => /^router ospf( |$)/.test(header.text));
  const [first] = routers;
  const ospf = first && { line: first.header.number, lines: routers.flatMap(({ lines }) => lines) };
  const networks = (ospf?.lines ?? []).flatMap(networkLine);
  const passives = passiveInterfaces(ospf?.lines ?? []);
  const named = interfaceBlocks(blocks);
  const interfaces = [...named].map(([name, all]) => readInterface(name, all, networks, passives));
  const known = ospf !== undefined || named.size > 0 || top.some((line) => KNOWN.test(line.text));
  return { dialect: read, version: versionOf(top), interfaces, ospf, top, recognised: known };
}

const KNOWN = /^(frr (version|defaults)|hostname|version|feature|router|ip route|interface)\b/;

/** A line without indentation begins a block; those behind it with indentation are its own. */
function blocksOf(text: string): readonly Block[] {
  const blocks: Block[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = { number: index + 1, text: raw.trim() };
    if (line.text === '' || (/^(!|#|exit$|end$)/.test(line.text) && !/^! *(device|Command)/i.test(line.text))) continue;
    const last = blocks.at(-1);
    if (/^\s/.test(raw) && last !== undefined) last.lines.push(line);
    else blocks.push({ header: line, lines: [] });
  }
  return blocks;
}

/** By the interface's name; one may have several blocks. */
function interfaceBlocks(blocks: readonly Block[]): ReadonlyMap<string, readonly Block[]> {
  const named = new Map<string, Block[]>();
  for (const block of blocks) {
    const name = /^interface (\S.*)$/.exec(block.header.text)?.[1]?.trim();
    if (name === undefined) continue;
    const before = named.get(name);
    if (before === undefined) named.set(name, [block]);
    else before.push(block);
  }
  return named;
}

function dialectOf(top: readonly ConfigLine[]): Dialect {
  if (top.some(({ text }) => /^frr (version|defaults)\b/.test(text))) return 'frr';
  if (top.some(({ text }) => /^! *device:.*\bEOS\b|^transceiver qsfp|^service routing protocols model/.test(text)))
    return 'eos';
  if (top.some(({ text }) => /^feature \S|^! *Command:/.test(text))) return 'nxos';
  if (top.some(({ text }) => /^(version \d+\.\d+$|service timestamps|Current configuration *: *\d+ bytes)/.test(text)))
    return 'ios';
  return 'frr';
}

function versionOf(top: readonly ConfigLine[]): number | undefined {
  for (const { text } of top) {
    const found = /^(?:frr )?version (\d+\.\d+)/.exec(text)?.[1];
    if (found !== undefined) return Number(found);
  }
  return undefined;
}

interface NetworkLine {
  readonly prefix: Prefix;
  readonly area: At<string>;
}

/** `network PREFIX area AREA`, or with a wildcard as Cisco writes it. */
function networkLine({ number, text }: ConfigLine): NetworkLine[] {
  const [, address, wildcard, area] = /^network (\S+?)(?: (\d+\.\d+\.\d+\.\d+))? area (\S+)$/.exec(text) ?? [];
  const id = areaId(area);
  if (address === undefined || id === undefined) return [];
  const prefix = wildcard === undefined ? parsePrefix(address) : withWildcard(address, wildcard);
  return prefix === undefined ? [] : [{ prefix, area: { value: id, line: number } }];
}

function withWildcard(address: string, wildcard: string): Prefix | undefined {
  const bits = parseIpv4(wildcard);
  if (bits === undefined || (bits & (bits + 1)) !== 0) return undefined;
  return parsePrefix(`${address}/${Math.clz32(bits)}`);
}

interface Passives {
  readonly all: At<true> | undefined;
  readonly named: ReadonlyMap<string, At<true>>;
  readonly active: ReadonlySet<string>;
}

function passiveInterfaces(lines: readonly ConfigLine[]): Passives {
  let all: At<true> | undefined;
  const named = new Map<string, At<true>>();
  const active = new Set<string>();
  for (const { number, text } of lines) {
    const [, no, name] = /^(no )?passive-interface (\S+)/.exec(text) ?? [];
    if (name === undefined) continue;
    if (no !== undefined) active.add(name);
    else if (name === 'default') all = { value: true, line: number };
    else named.set(name, { value: true, line: number });
  }
  return { all, named, active };
}

function readInterface(
  name: string,
  blocks: readonly Block[],
  networks: readonly NetworkLine[],
  passives: Passives,
): OspfInterface {
  const lines = blocks.flatMap((block) => block.lines);
  const whole = (pattern: RegExp) => find(lines, pattern, (text) => (text.length > 9 ? undefined : Number(text)));
  const area = find(lines, /^ip (?:router )?ospf (?:\S+ )?area (\S+)/, areaId) ?? byAddress(lines, networks);
  const own = find(lines, /^ip ospf (passive(?:-interface)?)(?: |$)/, () => true as const);
  const listed = passives.named.get(name) ?? (passives.active.has(name) ? undefined : passives.all);
  return {
    name,
    line: blocks[0]?.header.number ?? 0,
    area,
    passive: own ?? listed,
    network: find(lines, /^ip ospf network (\S+)/, (text) => text),
    hello: whole(/^ip ospf hello-interval (\d+)/),
    dead: whole(/^ip ospf dead-interval (\d+)/),
    multiplier: whole(/^ip ospf dead-interval minimal hello-multiplier (\d+)/),
    priority: whole(/^ip ospf priority (\d+)/),
    authentication: find(lines, /^ip ospf authentication(?!-)(.*)$/, authentication),
    digestKeys: lines.flatMap((line) => find([line], /^ip ospf message-digest-key (\d{1,3}) /, Number) ?? []),
    bfd: find(lines, /^ip ospf (?:neighbor )?(bfd)/, () => true as const),
  };
}

function find<T>(
  lines: readonly ConfigLine[],
  pattern: RegExp,
  read: (text: string) => T | undefined,
): At<T> | undefined {
  let found: At<T> | undefined;
  for (const { number, text } of lines) {
    const value = readMatch(pattern.exec(text), read);
    if (value !== undefined) found = { value, line: number };
  }
  return found;
}

function readMatch<T>(match: RegExpExecArray | null, read: (text: string) => T | undefined): T | undefined {
  return match === null ? undefined : read(match[1] ?? '');
}

function authentication(words: string): 'simple' | 'message-digest' | 'key-chain' | 'null' | undefined {
  const [first = ''] = words.trim().split(/\s+/);
  if (first === '') return 'simple';
  return first === 'message-digest' || first === 'key-chain' || first === 'null' ? first : undefined;
}

/** FRR prints no addresses of interfaces that the kernel has them from: then a `network` line tells nothing here. */
function byAddress(lines: readonly ConfigLine[], networks: readonly NetworkLine[]): At<string> | undefined {
  const address = find(lines, /^ip address (\d+\.\d+\.\d+\.\d+)/, parseIpv4);
  if (address === undefined) return undefined;
  return networks.find(({ prefix }) => prefixContains(prefix, address.value))?.area;
}

/** `1` and `0.0.0.1` are the same area. */
export function areaId(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const address = parseIpv4(text) ?? (/^\d{1,10}$/.test(text) && Number(text) <= 0xffffffff ? Number(text) : undefined);
  return address === undefined ? undefined : formatIpv4(address);
}
