/**
 * The host that we run on, as a real server: what `ip`, `nft` and /proc/sys say of it, and commands run on it. A program that is
 * not there has nothing to say; what is missing then is for the audit to tell.
 */
import { createSocket } from 'node:dgram';
import { formatIpv4, type Ipv4 } from '../../core/base/ipv4.ts';
import { messageOf } from '../../core/base/message-of.ts';
import type { HostAnswers } from '../../core/realserver/facts.ts';
import { MSS_TABLE } from '../../core/realserver/mss.ts';
import type { Command } from '../../core/realserver/need.ts';
import { RETURN_TABLE } from '../../core/realserver/source-mac-return.ts';
import { exec } from '../../io/exec.ts';
import { listSysctls, readSysctl, writeSysctl } from '../../io/sysctl.ts';

const CONF = ['net', 'ipv4', 'conf'] as const;
const SETTINGS = ['arp_ignore', 'arp_announce', 'rp_filter'] as const;
const DEADLINE = 10_000;

/** How long ARP is waited for, and how often it is looked at; milliseconds. */
const ARP_WAIT = 1000;
const ARP_LOOK = 50;

type Argv = readonly [string, ...string[]];

/** `directors`: addresses whose MAC is wanted. Resolves a second later where one does not answer. */
export async function readHost(directors: readonly Ipv4[]): Promise<HostAnswers> {
  await solicit(directors);
  const [addresses, routes, rules, neighbors, fou, sysctls] = await Promise.all([
    json(['ip', '-json', '-details', 'address', 'show']),
    json(['ip', '-json', '-4', 'route', 'show', 'table', 'all']),
    json(['ip', '-json', '-4', 'rule', 'show']),
    neighborTable(),
    json(['ip', '-json', 'fou', 'show']),
    settings(),
  ]);
  const tables = new Map<string, unknown>();
  for (const name of [RETURN_TABLE, MSS_TABLE]) {
    const listing = await json(['nft', '-j', 'list', 'table', 'ip', name]);
    if (listing !== undefined) tables.set(name, listing);
  }
  return { addresses, routes, rules, neighbors, fou, tables, sysctls };
}

/** What a program printed; undefined where it is not there, refuses, or prints something else. */
async function json(argv: Argv): Promise<unknown> {
  try {
    const { code, stdout } = await exec(argv, { deadline: DEADLINE });
    return code === 0 ? JSON.parse(stdout) : undefined;
  } catch {
    return undefined;
  }
}

function neighborTable(): Promise<unknown> {
  return json(['ip', '-json', '-4', 'neigh', 'show']);
}

async function settings(): Promise<ReadonlyMap<string, string>> {
  const paths = (await listSysctls(CONF)).flatMap((device) => SETTINGS.map((name) => [...CONF, device, name]));
  const values = await Promise.all(paths.map((path) => readSysctl(path).catch(() => undefined)));
  return new Map(
    paths.flatMap((path, i): [string, string][] => (values[i] === undefined ? [] : [[path.join('/'), values[i]]])),
  );
}

/** A datagram to each makes the kernel ask for its MAC address. */
async function solicit(directors: readonly Ipv4[]): Promise<void> {
  if (directors.length === 0) return;
  const socket = createSocket('udp4');
  const DISCARD = 9;
  await Promise.all(
    directors.map(
      (address) => new Promise<void>((done) => socket.send('', DISCARD, formatIpv4(address), () => done())),
    ),
  );
  const end = Date.now() + ARP_WAIT;
  const wanted = directors.map(formatIpv4);
  while (Date.now() < end) {
    const table = await neighborTable();
    const known = new Set(
      Array.isArray(table) ? table.filter(({ lladdr }) => lladdr !== undefined).map(({ dst }) => dst) : [],
    );
    if (wanted.every((address) => known.has(address))) break;
    await new Promise((wake) => setTimeout(wake, ARP_LOOK));
  }
  socket.close();
}

/** @returns what the command complained of; undefined = it ran, or need not have */
export async function runOnHost(command: Command): Promise<string | undefined> {
  try {
    if (command.kind === 'sysctl') {
      await writeSysctl(command.path, command.value);
      return undefined;
    }
    const { argv, input, mayFail } = command;
    const { code, stderr } = await exec(argv as Argv, {
      deadline: DEADLINE,
      ...(input === undefined ? {} : { input }),
    });
    return code === 0 || mayFail === true ? undefined : stderr.trim() || `exit code ${code}`;
  } catch (error) {
    return command.kind === 'run' && command.mayFail === true ? undefined : messageOf(error);
  }
}
