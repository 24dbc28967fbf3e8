import { describe, expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import {
  type ServerFacts,
  ServerLifecycles,
  type ServersInput,
  type ServiceFacts,
} from '../../../src/core/servers/server-lifecycles.ts';

const ADDRESSES = { r1: ipv4('10.2.0.21'), r2: ipv4('10.2.0.22'), r3: ipv4('10.2.0.23') };
type Name = keyof typeof ADDRESSES;

/** The machine on a virtual clock, with what it tells as lines. */
class Bench {
  readonly machine: ServerLifecycles;
  readonly log: string[] = [];
  readonly settings: Partial<ServiceFacts>;
  now = 0;
  file: readonly Name[] = ['r1', 'r2', 'r3'];
  down = new Set<Name>();
  /** Active connections; undefined = not known. */
  connections: Partial<Record<Name, number>> | undefined = { r1: 5, r2: 5, r3: 5 };

  constructor(settings: Partial<ServiceFacts> = {}, drained: readonly { service: string; server: string }[] = []) {
    this.settings = settings;
    this.machine = new ServerLifecycles(drained);
    this.look();
  }

  tell(input: ServersInput): this {
    for (const effect of this.machine.handle(input, this.now)) {
      const seconds = this.now / 1000;
      if (effect.kind === 'step')
        this.log.push(`${seconds} ${effect.server} ${effect.from}->${effect.to}: ${effect.reason}`);
      else this.log.push(`${seconds} delete ${formatIpv4(effect.address)}`);
    }
    return this;
  }

  look(): this {
    const servers = this.file.map((name): ServerFacts => {
      return { name, address: ADDRESSES[name], weight: 1, isUp: !this.down.has(name) };
    });
    const known = this.connections;
    const service: ServiceFacts = {
      name: 'web',
      protocol: 'tcp',
      keeps: 'connections',
      changes: { drain: 60_000, slowStart: 0, whenDown: 'reset' },
      servers,
      connections: known && new Map(Object.entries(known).map(([name, count]) => [ADDRESSES[name as Name], count])),
      ...this.settings,
    };
    return this.tell({ kind: 'look', services: [service] });
  }

  /** Looks whenever the machine wants to be called, until `seconds`. */
  until(seconds: number): this {
    for (;;) {
      const { deadline } = this.machine;
      if (deadline === undefined || deadline > seconds * 1000) break;
      this.now = Math.max(this.now, deadline);
      this.look();
    }
    this.now = seconds * 1000;
    return this.look();
  }

  /** `up`, or what is out of the ordinary. */
  standing(name: Name): string {
    const one = this.machine.standings('web', this.now).find((standing) => standing.name === name);
    if (one === undefined) return 'none';
    const gone = one.weight === 0 ? ' gone' : '';
    const tenths = one.tenths === undefined ? '' : ` ${one.tenths}/10`;
    return `${one.state}${one.ended ? ' ended' : ''}${gone}${tenths}`;
  }
}

const drain = (server: string, within?: number): ServersInput => ({ kind: 'drain', service: 'web', server, within });
const undrain = (server: string): ServersInput => ({ kind: 'undrain', service: 'web', server });

describe('a drain', () => {
  test('waits for the connections, and is over when none is left', () => {
    const bench = new Bench().tell(drain('r2'));
    expect(bench.standing('r2')).toBe('drained');
    bench.until(20);
    expect(bench.log).toEqual(['0 r2 serving->draining: asked for']);
    bench.connections = { r1: 5, r3: 5 };
    bench.until(21);
    expect(bench.log.slice(1)).toEqual(['21 r2 draining->drained: no connections are left', '21 delete 10.2.0.22']);
    expect(bench.until(500).log).toHaveLength(3);
    expect(bench.machine.deadline).toBeUndefined();
  });

  test('ends what is left at the deadline: both ends hear of it, then the entries go', () => {
    const bench = new Bench().tell(drain('r2')).until(60);
    expect(bench.standing('r2')).toBe('drained ended');
    bench.until(80);
    expect(bench.log).toEqual([
      '0 r2 serving->draining: asked for',
      '60 r2 draining->ending: the deadline has passed',
      '65 r2 ending->drained: what was left is ended',
      '65 delete 10.2.0.22',
    ]);
    expect(bench.standing('r2')).toBe('drained');
  });

  test('with 0 s ends them at once; another time counts from when it is said', () => {
    expect(new Bench().tell(drain('r2', 0)).standing('r2')).toBe('drained ended');
    const bench = new Bench().tell(drain('r2')).until(10).tell(drain('r2', 5000)).until(14);
    expect(bench.standing('r2')).toBe('drained');
    expect(bench.until(15).standing('r2')).toBe('drained ended');
  });

  test('does not believe in nothing before the slots have moved', () => {
    const bench = new Bench();
    bench.connections = {};
    expect(bench.tell(drain('r2')).until(1.9).log).toHaveLength(1);
    expect(bench.until(2).log[1]).toBe('2 r2 draining->drained: no connections are left');
  });

  test('without counts waits for the deadline', () => {
    const bench = new Bench();
    bench.connections = undefined;
    expect(bench.tell(drain('r2')).until(59).log).toHaveLength(1);
  });

  test('of UDP has nobody to hear RST: the entries go at the deadline', () => {
    const bench = new Bench({ protocol: 'udp' }).tell(drain('r2')).until(60);
    expect(bench.log.slice(1)).toEqual(['60 r2 draining->drained: the deadline has passed', '60 delete 10.2.0.22']);
  });

  test('of direct routing is over at once, as its flows have moved; sticky ones are held until the deadline, and never again', () => {
    const bench = new Bench({ keeps: 'nothing', connections: undefined }).tell(drain('r2')).until(100);
    expect(bench.log.slice(1)).toEqual(['2 r2 draining->drained: no connections are left']);
    expect(bench.standing('r2')).toBe('drained');
    const sticky = new Bench({ keeps: 'flows', connections: undefined }).tell(drain('r2')).until(59);
    expect(sticky.standing('r2')).toBe('drained');
    expect(sticky.until(100).log.slice(1)).toEqual(['60 r2 draining->drained: the deadline has passed']);
    expect(sticky.standing('r2')).toBe('drained ended');
  });

  test('that is taken back leaves the connections, and ended ones are cleared first', () => {
    expect(new Bench().tell(drain('r2')).until(10).tell(undrain('r2')).log.slice(1)).toEqual([
      '10 r2 draining->serving: taken back',
    ]);
    const late = new Bench().tell(drain('r2')).until(61).tell(undrain('r2'));
    expect(late.log.slice(2)).toEqual(['61 r2 ending->serving: taken back', '61 delete 10.2.0.22']);
    expect(late.standing('r2')).toBe('up');
  });

  test('that an earlier agent was asked for goes on', () => {
    const bench = new Bench({}, [{ service: 'web', server: 'r2' }]);
    expect(bench.standing('r2')).toBe('drained');
    expect(bench.machine.asked()).toEqual([{ service: 'web', server: 'r2' }]);
    expect(bench.tell(undrain('r2')).machine.asked()).toEqual([]);
  });
});

describe('a server that leaves the file', () => {
  test('drains, and is forgotten then', () => {
    const bench = new Bench();
    bench.file = ['r1', 'r3'];
    expect(bench.look().standing('r2')).toBe('drained gone');
    bench.until(70);
    expect(bench.log).toEqual([
      '0 r2 serving->draining: it has left the file',
      '60 r2 draining->ending: the deadline has passed',
      '65 r2 ending->drained: what was left is ended',
      '65 delete 10.2.0.22',
      '65 r2 drained->forgotten: it has left the file',
    ]);
    expect(bench.standing('r2')).toBe('none');
  });

  test('and comes back is taken back', () => {
    const bench = new Bench();
    bench.file = ['r1', 'r3'];
    bench.until(10);
    bench.file = ['r1', 'r2', 'r3'];
    expect(bench.look().standing('r2')).toBe('up');
    expect(bench.log[1]).toBe('10 r2 draining->serving: taken back');
  });

  test('goes with its service', () => {
    const bench = new Bench();
    bench.tell({ kind: 'look', services: [] });
    expect(bench.standing('r1')).toBe('none');
  });
});

describe('a server that dies', () => {
  test('has its connections ended at once, and what is left of them deleted', () => {
    const bench = new Bench();
    bench.down.add('r2');
    expect(bench.look().standing('r2')).toBe('down ended');
    expect(bench.standing('r1')).toBe('up');
    expect(bench.until(20).log).toEqual(['5 delete 10.2.0.22']);
    bench.down.clear();
    expect(bench.look().standing('r2')).toBe('up');
    expect(bench.log[1]).toBe('20 delete 10.2.0.22');
  });

  test.each<[string, Partial<ServiceFacts>]>([
    ['where they are to be kept', { changes: { drain: 60_000, slowStart: 0, whenDown: 'keep' } }],
    ['where none are kept', { keeps: 'flows' }],
  ])('%s leaves them alone', (_, settings) => {
    const bench = new Bench(settings);
    bench.down.add('r2');
    expect(bench.look().standing('r2')).toBe('down');
  });

  test('together with all others leaves them alone: who says so may be wrong', () => {
    const bench = new Bench();
    bench.down.add('r1').add('r2').add('r3');
    bench.look();
    expect(['r1', 'r2', 'r3'].map((name) => bench.standing(name as Name))).toEqual(['down', 'down', 'down']);
    bench.down.delete('r1');
    bench.look();
    expect(bench.standing('r2')).toBe('down ended');
  });

  test('does not count as another one that is up while it is drained', () => {
    const bench = new Bench().tell(drain('r1')).tell(drain('r3'));
    bench.down.add('r2');
    expect(bench.look().standing('r2')).toBe('down');
  });
});

describe('a server that comes back', () => {
  const slow = { changes: { drain: 60_000, slowStart: 30_000, whenDown: 'reset' as const } };

  test('has its slots back in tenths', () => {
    const bench = new Bench(slow);
    bench.down.add('r2');
    bench.look();
    bench.down.clear();
    bench.look();
    const seen: string[] = [];
    for (let second = 0; second <= 30; second += 3) seen.push(bench.until(second).standing('r2'));
    expect(seen).toEqual([...Array.from({ length: 10 }, (_, i) => `up ${i + 1}/10`), 'up']);
    expect(bench.machine.deadline).toBeUndefined();
  });

  test('does so after a drain, too, and not when it is seen for the first time', () => {
    const bench = new Bench(slow);
    expect(bench.standing('r1')).toBe('up');
    expect(bench.tell(drain('r2')).until(10).tell(undrain('r2')).standing('r2')).toBe('up 1/10');
  });
});
