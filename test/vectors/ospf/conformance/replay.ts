/**
 * Conformance cases: one folder per case, in it `case.txt`, a conversation with one router on a virtual clock. The first
 * line names the source and the claim. What is put in is written by hand; what comes out follows each line, marked `>`
 * (effects) or `=` (views), and is the expectation.
 *
 *     # RFC 2328 10.6: a DD with the init bit in Exchange starts the exchange over.
 *     setup p2p                                    the lines of setups/p2p.txt, whose output is not shown
 *     router 10.0.0.2 [area A] [area-type normal|stub|nssa] [stub] [hold T] [floor T] [inherit T]
 *     interface eth1 point-to-point|broadcast|... [cost N] [hello T] [dead T] [priority N] [rxmt T] [mtu-ignore]
 *               [passive] [neighbors A,B] [poll T] [auth md5|hmac-sha-256|...]
 *     key eth1 7 SECRET                            what packets are sent with and accepted with from now on
 *     peer P eth1 10.1.0.1 router 10.0.0.3
 *     lsa R1 ...                                   see lsas.ts
 *     ignore hello, routes                         what the claim is not about; the topics of print.ts
 *     up eth1 10.1.0.2/30 [mtu 1500] | down eth1 | announce 203.0.113.10/32 10 [as external type E1 tag 0], ... | stop
 *     take-over planned|killed for T eth1 10.0.0.3 [expects 203.0.113.10/32 by T] RFC 3623
 *     hand-over 120s
 *     < P dd flags I,M,MS seq 100                  a packet from the neighbor, see packets.ts
 *     every 10s < P hello heard us                 from now on, until `every off`
 *     wait 1.1s                                    what happens meanwhile has the time since then before it
 *     show neighbors | show lsdb [TYPE/...]
 *
 * Comments and empty lines may stand anywhere. `replay` returns the text with the output that there really was.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ipv4 } from '../../../../src/core/base/ipv4.ts';
import type { Instant, Millis } from '../../../../src/core/base/machine.ts';
import { Secret } from '../../../../src/core/base/secret.ts';
import type { Algorithm, AuthenticationKey } from '../../../../src/core/model/keys.ts';
import { DdFlag, INITIAL_SEQUENCE } from '../../../../src/core/ospf/codes.ts';
import type {
  AnnouncedPrefix,
  InstanceConfig,
  InterfaceConfig,
  OspfEffect,
  OspfInput,
} from '../../../../src/core/ospf/events.ts';
import { OspfInstance } from '../../../../src/core/ospf/instance.ts';
import { copyLsa, lsaKeyText } from '../../../../src/core/ospf/lsa/codec.ts';
import type { Lsa } from '../../../../src/core/ospf/lsa/lsa.ts';
import { decodePacket } from '../../../../src/core/ospf/packet/codec.ts';
import { digester } from '../../../../src/io/digester.ts';
import { instanceConfig, interfaceConfig } from '../../../sim/network.ts';
import { parseLsa } from './lsas.ts';
import { type Peer, peerPacket } from './packets.ts';
import { ANY_AUTHENTICATION, printEffect, printLsaView, printNeighbor, type Topic, topicOf } from './print.ts';
import { addressed, duration, Pairs, prefixed, split } from './words.ts';

const SETUPS = join(import.meta.dirname, 'setups');

/** The case as it would be if what happens were what is expected. Throws an Error with the line that cannot be read. */
export function replay(text: string): string {
  const stage = new Stage();
  const written: string[] = [];
  for (const line of text.split('\n')) {
    if (/^[>=]/.test(line)) continue;
    // The empty lines that follow an output belong behind what comes out this time.
    written.push(line, ...perform(stage, line));
  }
  return written.join('\n');
}

function perform(stage: Stage, line: string): string[] {
  try {
    return stage.perform(line);
  } catch (error) {
    throw new Error(`in "${line}": ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

interface Repeated {
  readonly every: Millis;
  readonly line: string;
  due: Instant;
}

class Stage {
  #settings: Partial<InstanceConfig> & { routerId: number } = { routerId: ipv4('10.0.0.2') };
  readonly #interfaces = new Map<string, InterfaceConfig>();
  readonly #addresses = new Map<string, { address: number; prefixLength: number }>();
  readonly #keys = new Map<string, AuthenticationKey>();
  readonly #peers = new Map<string, Peer>();
  /** Those that the case names, and the last instance of each that the router has sent. */
  readonly #lsas = new Map<string, Lsa>();
  readonly #ignored = new Set<string>();
  #repeated: Repeated[] = [];
  #instance: OspfInstance | undefined;
  #now: Instant = 0;
  #claimed = 0;

  /** Output lines of one line of a case. */
  perform(line: string): string[] {
    const [word = '', ...rest] = line.split(' ');
    const text = rest.join(' ');
    if (word === '' || word === '#') return [];
    const act = this.#acts[word];
    if (act === undefined) throw new Error(`what is "${word}"?`);
    return act(text);
  }

  readonly #acts: Readonly<Record<string, (text: string) => string[]>> = {
    setup: (text) => this.#setup(text),
    router: (text) => this.#router(text),
    interface: (text) => this.#interface(text),
    peer: (text) => this.#peer(text),
    lsa: (text) => this.#lsa(text),
    ignore: (text) => this.#ignore(text),
    up: (text) => this.#up(text),
    down: (text) => this.#input({ kind: 'interfaceDown', name: text }),
    announce: (text) => this.#announce(text),
    key: (text) => this.#key(text),
    'take-over': (text) => this.#takeOver(text),
    'hand-over': (text) =>
      this.#input({ kind: 'handOver', period: duration(text), reason: 'restart', sequence: INITIAL_SEQUENCE }),
    stop: () => this.#input({ kind: 'stop' }),
    '<': (text) => this.#hear(text),
    every: (text) => this.#every(text),
    wait: (text) => this.#wait(duration(text)),
    show: (text) => this.#show(text),
  };

  #setup(name: string): string[] {
    for (const line of readFileSync(join(SETUPS, `${name}.txt`), 'utf8').split('\n')) this.perform(line);
    return [];
  }

  #router(text: string): string[] {
    const [id = '', ...words] = split(text);
    const pairs = new Pairs(text, words, [], ['stub']);
    const inherit = pairs.get('inherit', '');
    this.#settings = {
      routerId: ipv4(id),
      areaId: ipv4(pairs.get('area', '0.0.0.0')),
      areaType: pairs.get('area-type', 'normal') as InstanceConfig['areaType'],
      stubRouter: pairs.has('stub'),
      holdLimit: duration(pairs.get('hold', '0ms')),
      originateFloor: duration(pairs.get('floor', '1.1s')),
      ...(inherit === '' ? {} : { inheritLimit: duration(inherit) }),
    };
    pairs.done();
    return [];
  }

  #interface(text: string): string[] {
    const [name = '', network = '', ...words] = split(text);
    const pairs = new Pairs(text, words, [], ['mtu-ignore', 'passive']);
    const neighbors = pairs.get('neighbors', '-').split(',');
    const algorithm = pairs.get('auth', '-') as Algorithm | '-';
    this.#interfaces.set(
      name,
      interfaceConfig(name, {
        network: network as InterfaceConfig['network'],
        cost: pairs.number('cost', 10),
        helloInterval: duration(pairs.get('hello', '10s')),
        deadInterval: duration(pairs.get('dead', '40s')),
        priority: pairs.number('priority', 1),
        rxmtInterval: duration(pairs.get('rxmt', '5s')),
        mtuIgnore: pairs.has('mtu-ignore'),
        passive: pairs.has('passive'),
        neighbors: neighbors[0] === '-' ? [] : neighbors.map((one) => ({ address: ipv4(one), priority: 1 })),
        pollInterval: duration(pairs.get('poll', '120s')),
        authentication: algorithm === '-' ? undefined : { algorithm, migrate: false },
      }),
    );
    pairs.done();
    return [];
  }

  #peer(text: string): string[] {
    const [name = '', iface = '', address = '', ...words] = split(text);
    const pairs = new Pairs(text, words);
    this.#peers.set(name, { name, interface: iface, address: ipv4(address), routerId: ipv4(pairs.get('router')) });
    pairs.done();
    return [];
  }

  #lsa(text: string): string[] {
    const { name, lsa } = parseLsa(text);
    this.#lsas.set(name, lsa);
    return [];
  }

  #ignore(text: string): string[] {
    for (const topic of text.split(', ') as Topic[]) this.#ignored.add(topic);
    return [];
  }

  #up(text: string): string[] {
    const [name = '', address = '', ...words] = split(text);
    const pairs = new Pairs(text, words);
    const at = addressed(address);
    this.#addresses.set(name, at);
    const link = { mtu: pairs.number('mtu', 1500), ifindex: pairs.number('ifindex', 1) };
    return this.#input({ kind: 'interfaceUp', name, ...at, ...link });
  }

  #announce(text: string): string[] {
    const prefixes = text === 'nothing' ? [] : text.split(', ').map(parseAnnounced);
    return this.#input({ kind: 'announce', prefixes });
  }

  #key(text: string): string[] {
    const [name = '', id = '', secret = ''] = split(text);
    const { algorithm } = this.#interfaces.get(name)!.authentication!;
    const key = { id: Number(id), algorithm, secret: new Secret(new TextEncoder().encode(secret)) };
    this.#keys.set(name, key);
    return this.#input({ kind: 'keys', interface: name, keys: { send: key, accept: [key], standing: 'valid' } });
  }

  #takeOver(text: string): string[] {
    const [how = '', , period = '', name = '', router = '', ...words] = split(text);
    const pairs = new Pairs(text, words);
    const expects = pairs.get('expects', '');
    const announceBy = this.#now + duration(pairs.get('by', '0s'));
    pairs.done();
    const link = { interface: name, routerIds: [ipv4(router)], designatedRouter: 0, backupDesignatedRouter: 0 };
    return this.#input({
      ...{ kind: 'takeOver', planned: how === 'planned', until: this.#now + duration(period), announceBy },
      ...{ expected: expects === '' ? [] : [prefixed(expects)], interfaces: [link], sequence: INITIAL_SEQUENCE + 1 },
    });
  }

  #hear(text: string): string[] {
    return this.#input(this.#packet(text));
  }

  #packet(text: string): OspfInput {
    const [name = '', ...words] = text.split(' ');
    const peer = this.#peers.get(name);
    if (peer === undefined) throw new Error(`no peer ${name}`);
    const { source, destination, bytes } = peerPacket(peer, words.join(' '), {
      us: {
        routerId: this.#settings.routerId,
        areaId: this.#settings.areaId ?? 0,
        ...(this.#addresses.get(peer.interface) ?? { address: 0, prefixLength: 0 }),
      },
      interface: this.#interfaces.get(peer.interface)!,
      lsas: this.#lsas,
      key: this.#keys.get(peer.interface),
      claimed: this.#claimed,
    });
    return { kind: 'packet', interface: peer.interface, source, destination, bytes };
  }

  #every(text: string): string[] {
    if (text === 'off') {
      this.#repeated = [];
      return [];
    }
    const [every = '', line = ''] = text.split(' < ');
    this.#repeated.push({ every: duration(every), line, due: this.#now + duration(every) });
    return [];
  }

  /** Serves timers and repeats in the order of their times; a packet goes before a timer of the same moment. */
  #wait(length: Millis): string[] {
    const [from, end] = [this.#now, this.#now + length];
    const lines: string[] = [];
    for (;;) {
      const [repeat] = this.#repeated.toSorted((a, b) => a.due - b.due);
      const timer = this.#running().deadline ?? Number.POSITIVE_INFINITY;
      const next = Math.min(repeat?.due ?? Number.POSITIVE_INFINITY, timer);
      if (next > end) break;
      this.#now = Math.max(this.#now, next);
      const isRepeat = repeat !== undefined && repeat.due <= timer;
      if (isRepeat) repeat.due += repeat.every;
      const output = this.#input(isRepeat ? this.#packet(repeat.line) : { kind: 'timer' });
      lines.push(...output.map((line) => withTime(line, this.#now - from)));
    }
    this.#now = end;
    return lines;
  }

  #show(text: string): string[] {
    const [what = '', wanted = ''] = split(text);
    const rows =
      what === 'neighbors'
        ? this.#running().neighbors(this.#now).map(printNeighbor)
        : this.#running()
            .lsdb(this.#now)
            .filter((view) => lsaKeyText(view).startsWith(wanted))
            .map(printLsaView);
    return rows.length === 0 ? ['= none'] : rows.map((row) => `= ${row}`);
  }

  #running(): OspfInstance {
    const { routerId, ...settings } = this.#settings;
    this.#instance ??= new OspfInstance(
      {
        ...instanceConfig('10.0.0.2', [...this.#interfaces.values()], { holdLimit: 0, digester, ...settings }),
        routerId,
      },
      this.#now,
    );
    return this.#instance;
  }

  #input(input: OspfInput): string[] {
    const effects = this.#running().handle(input, this.#now);
    return effects.flatMap((effect) => {
      this.#remember(effect);
      if (this.#ignored.has(topicOf(effect) ?? '')) return [];
      return printEffect(effect, this.#claimed).map((line) => `> ${line}`);
    });
  }

  #remember(effect: OspfEffect): void {
    if (effect.kind !== 'send') return;
    const { body } = decodePacket(effect.bytes, ANY_AUTHENTICATION);
    if (body.kind === 'dbDescription' && (body.flags & DdFlag.init) !== 0) this.#claimed = body.sequence;
    if (body.kind !== 'lsUpdate') return;
    for (const lsa of body.lsas) this.#lsas.set(lsaKeyText(lsa.header), copyLsa(lsa));
  }
}

/** `PREFIX [METRIC] [as stub|external|nssa] [type E1|E2] [tag N]` */
function parseAnnounced(text: string): AnnouncedPrefix {
  const [prefix = '', metric = '1', ...words] = split(text);
  const pairs = new Pairs(text, words);
  const kind = pairs.get('as', 'stub');
  const metricType = pairs.get('type', 'E1') === 'E1' ? 1 : 2;
  const tag = pairs.number('tag', 0);
  pairs.done();
  const own = { prefix: prefixed(prefix), metric: Number(metric) };
  if (kind === 'stub') return { ...own, lsa: { kind } };
  if (kind !== 'external' && kind !== 'nssa') throw new Error(`no such way to announce: ${kind}`);
  return { ...own, lsa: { kind, metricType, tag } };
}

/** The continuation lines of a packet stay as they are. */
function withTime(line: string, passed: Millis): string {
  if (line.startsWith('>     ')) return line;
  return `> +${(Math.round(passed) / 1000).toFixed(3)}s ${line.slice(2)}`;
}
