import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AnnouncePolicy, type PolicyInput, serversNeeded } from '../../../src/core/announce/policy.ts';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { Quorum, Service, WhenDown } from '../../../src/core/model/cluster.ts';
import { DEFAULT_SCHEDULER } from '../../../src/core/model/scheduler.ts';

const VIP = ipv4('203.0.113.10');
const OTHER = ipv4('203.0.113.11');

interface Options {
  readonly vips?: readonly number[];
  readonly min?: Quorum;
  readonly metric?: number;
  readonly whenDown?: WhenDown;
  readonly servers?: number;
}

function service(name: string, options: Options = {}): Service {
  const { vips = [VIP], min = { kind: 'count', value: 1 }, metric = 10, whenDown = 'withdraw', servers = 2 } = options;
  return {
    name,
    vips,
    ports: [80],
    protocol: 'tcp',
    forward: 'nat',
    inside: false,
    scheduler: DEFAULT_SCHEDULER,
    servers: Array.from({ length: servers }, (_, i) => ({ name: `r${i}`, address: ipv4('10.2.0.1') + i, weight: 1 })),
    changes: { drain: 60_000, slowStart: 0, whenDown: 'reset' },
    health: undefined,
    announce: { min, metric, whenDown, lsa: { kind: 'stub' } },
  };
}

/** A policy on a virtual clock, with its decisions as printable lines. */
class Bench {
  readonly policy = new AnnouncePolicy();
  readonly log: string[] = [];
  now = 0;

  constructor(services: readonly Service[], require?: 'all' | 'any', holdUp = 10_000) {
    this.configure(services, require, holdUp);
  }

  configure(services: readonly Service[], require?: 'all' | 'any', holdUp = 10_000): this {
    const vips = require === undefined ? {} : { [formatIpv4(VIP)]: { require } };
    return this.tell({ kind: 'configure', services, vips, holdUp });
  }

  tell(input: PolicyInput): this {
    for (const effect of this.policy.handle(input, this.now)) {
      if (effect.kind === 'decided') {
        const metrics = `${effect.from ?? 'no'}->${effect.to ?? 'no'}`;
        this.log.push(`${this.now / 1000} ${formatIpv4(effect.vip)} ${metrics}: ${effect.reason}`);
      } else if (effect.kind === 'unprogram') this.log.push(`${this.now / 1000} unprogram ${formatIpv4(effect.vip)}`);
    }
    return this;
  }

  healthy(name: string, healthy: number): this {
    return this.tell({ kind: 'health', service: name, healthy });
  }

  programmed(...services: readonly string[]): this {
    return this.tell({ kind: 'programmed', services });
  }

  announced(...vips: readonly number[]): this {
    return this.tell({ kind: 'announced', announcements: vips.map((vip) => ({ vip, metric: 10 })) });
  }

  active(): this {
    return this.tell({ kind: 'stance', stance: 'serve', state: 'active' });
  }

  /** Lets time pass, waking the policy at its deadlines. */
  until(seconds: number): this {
    for (;;) {
      const { deadline } = this.policy;
      if (deadline === undefined || deadline > seconds * 1000) break;
      this.now = deadline;
      this.tell({ kind: 'timer' });
    }
    this.now = seconds * 1000;
    return this;
  }

  waitingFor(vip = VIP): readonly string[] {
    return this.policy.decisions(this.now).get(vip)!.waitingFor;
  }

  metric(vip = VIP): number | undefined {
    return this.policy.announcements().find((announcement) => announcement.vip === vip)?.metric;
  }

  /** Active, programmed and with all servers of all services healthy. */
  static up(services: readonly Service[], require?: 'all' | 'any'): Bench {
    const bench = new Bench(services, require).programmed(...services.map(({ name }) => name));
    for (const { name, servers } of services) bench.healthy(name, servers.length);
    bench.active().announced(...services.flatMap(({ vips }) => vips));
    bench.log.length = 0;
    return bench;
  }
}

describe('going up', () => {
  test('a VIP waits for lifecycle, data plane and health, and says so', () => {
    const bench = new Bench([service('web')]);
    expect(bench.waitingFor()).toEqual([
      'lifecycle: starting',
      'data plane: web not read back yet',
      'health of web: 0 of 2 healthy, needs 1',
    ]);
    bench.healthy('web', 2);
    expect(bench.waitingFor()).toEqual(['lifecycle: starting', 'data plane: web not read back yet']);
    bench.active();
    expect(bench.waitingFor()).toEqual(['data plane: web not read back yet']);
    expect(bench.metric()).toBeUndefined();
    bench.programmed('web');
    expect(bench.waitingFor()).toEqual([]);
    expect(bench.metric()).toBe(10);
  });

  test('whatever the order in which they come, all three are needed', () => {
    const inputs: PolicyInput[] = [
      { kind: 'health', service: 'web', healthy: 1 },
      { kind: 'programmed', services: ['web'] },
      { kind: 'stance', stance: 'serve', state: 'active' },
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(inputs), (some) => {
        const bench = new Bench([service('web')]);
        for (const input of some) bench.tell(input);
        expect(bench.metric()).toBe(some.length === 3 ? 10 : undefined);
      }),
    );
  });

  test('the first time there is no hold-up', () => {
    const bench = new Bench([service('web')]).programmed('web').healthy('web', 1).until(3).active();
    expect(bench.log).toEqual(['3 203.0.113.10 no->10: programmed, healthy and active']);
  });

  test.each<[Quorum, number, number]>([
    [{ kind: 'count', value: 3 }, 4, 3],
    [{ kind: 'percent', value: 50 }, 4, 2],
    [{ kind: 'percent', value: 50 }, 3, 2],
    [{ kind: 'percent', value: 1 }, 4, 1],
    [{ kind: 'percent', value: 100 }, 4, 4],
  ])('min %j of %i servers: %i', (min, servers, needed) => {
    expect(serversNeeded(service('web', { min, servers }))).toBe(needed);
    const bench = Bench.up([service('web', { min, servers })]).healthy('web', needed - 1);
    expect(bench.metric()).toBeUndefined();
    expect(bench.waitingFor()).toEqual([`health of web: ${needed - 1} of ${servers} healthy, needs ${needed}`]);
  });
});

describe('hold-up', () => {
  test('a VIP that has come back is announced after it has stayed up for holdUp', () => {
    const bench = Bench.up([service('web')])
      .until(100)
      .healthy('web', 0)
      .until(105)
      .healthy('web', 1)
      .until(108);
    expect(bench.waitingFor()).toEqual(['hold-up: 7 s left']);
    bench.until(200);
    expect(bench.log).toEqual([
      '100 203.0.113.10 10->no: health of web: 0 of 2 healthy, needs 1',
      '115 203.0.113.10 no->10: programmed, healthy and active',
    ]);
  });

  test('each relapse starts it anew', () => {
    const bench = Bench.up([service('web')]);
    for (let second = 1; second <= 61; second++) bench.until(second).healthy('web', second % 5 === 0 ? 0 : 2);
    expect(bench.log).toHaveLength(1);
    bench.until(100);
    expect(bench.log.at(-1)).toBe('71 203.0.113.10 no->10: programmed, healthy and active');
  });

  test('a data plane that was lost counts as well', () => {
    const bench = Bench.up([service('web')])
      .until(1)
      .programmed()
      .until(2)
      .programmed('web')
      .until(20);
    expect(bench.log).toEqual([
      '1 203.0.113.10 10->no: data plane: web not read back yet',
      '12 203.0.113.10 no->10: programmed, healthy and active',
    ]);
  });

  test('the lifecycle does not: what the operator brings back is back at once', () => {
    const bench = Bench.up([service('web')])
      .tell({ kind: 'stance', stance: 'withhold', state: 'drained' })
      .active();
    expect(bench.metric()).toBe(10);
  });
});

describe('when servers are missing', () => {
  test.each<[WhenDown, number | undefined]>([
    ['withdraw', undefined],
    ['metric', 60_010],
    ['keep', 10],
  ])('%s', (whenDown, metric) => {
    const bench = Bench.up([service('web', { whenDown })]).healthy('web', 0);
    expect(bench.metric()).toBe(metric);
    expect(bench.waitingFor()).toEqual(['health of web: 0 of 2 healthy, needs 1']);
  });

  test('the normal metric comes back only after the hold-up', () => {
    const bench = Bench.up([service('web', { whenDown: 'metric' })])
      .healthy('web', 0)
      .healthy('web', 1)
      .until(60);
    expect(bench.log).toEqual([
      '0 203.0.113.10 10->60010: health of web: 0 of 2 healthy, needs 1',
      '10 203.0.113.10 60010->10: programmed, healthy and active',
    ]);
  });

  test('keep does not go as far as announcing what is not programmed', () => {
    expect(
      Bench.up([service('web', { whenDown: 'keep' })])
        .programmed()
        .metric(),
    ).toBeUndefined();
  });
});

describe('a VIP of two services', () => {
  const two = (a: WhenDown, b: WhenDown) => [service('web', { whenDown: a }), service('mail', { whenDown: b })];

  test('require all: either one takes it down, by its own whenDown', () => {
    expect(Bench.up(two('withdraw', 'metric'), 'all').healthy('web', 0).metric()).toBeUndefined();
    expect(Bench.up(two('withdraw', 'metric'), 'all').healthy('mail', 0).metric()).toBe(60_010);
    expect(Bench.up(two('withdraw', 'metric'), 'all').healthy('mail', 0).healthy('web', 0).metric()).toBeUndefined();
    expect(Bench.up(two('keep', 'keep'), 'all').programmed('web').metric()).toBeUndefined();
  });

  test('all is the default', () => {
    expect(Bench.up(two('withdraw', 'withdraw')).healthy('mail', 0).metric()).toBeUndefined();
  });

  test('require any: one is enough', () => {
    const bench = Bench.up(two('withdraw', 'metric'), 'any').healthy('web', 0);
    expect(bench.metric()).toBe(10);
    expect(bench.waitingFor()).toEqual([]);
    expect(bench.healthy('mail', 0).metric()).toBe(60_010);
    expect(bench.programmed('web').metric()).toBeUndefined();
  });
});

describe('going down', () => {
  test('a last resort is announced at 60000 + metric', () => {
    const bench = Bench.up([service('web')]).tell({ kind: 'stance', stance: 'lastResort', state: 'draining' });
    expect(bench.log).toEqual(['0 203.0.113.10 10->60010: lifecycle: draining']);
  });

  test('a VIP that left the file is withdrawn first, and unprogrammed when that has gone out', () => {
    const web = service('web');
    const bench = Bench.up([web, service('mail', { vips: [OTHER] })])
      .until(1)
      .configure([web]);
    expect(bench.log).toEqual(['1 203.0.113.11 10->no: no longer in the cluster file']);
    expect(bench.policy.mustStayProgrammed(OTHER)).toBe(true);
    bench.until(2).announced(VIP);
    expect(bench.log.at(-1)).toBe('2 unprogram 203.0.113.11');
    expect(bench.policy.mustStayProgrammed(OTHER)).toBe(false);
    expect(bench.policy.mustStayProgrammed(VIP)).toBe(true);
  });

  test('a VIP that comes back before its withdrawal went out is not unprogrammed', () => {
    const all = [service('web'), service('mail', { vips: [OTHER] })];
    const bench = Bench.up(all).configure(all.slice(0, 1)).configure(all).announced(VIP);
    expect(bench.log.filter((line) => line.includes('unprogram'))).toEqual([]);
  });
});

test('a reload that changes nothing decides nothing, and keeps a hold-up running', () => {
  const bench = Bench.up([service('web')])
    .until(1)
    .healthy('web', 0)
    .healthy('web', 1)
    .until(5);
  const { deadline } = bench.policy;
  bench.log.length = 0;
  bench.configure([service('web')]);
  expect(bench.log).toEqual([]);
  expect(bench.policy.deadline).toBe(deadline);
});

test('a new metric in the file is announced at once', () => {
  const bench = Bench.up([service('web')]).configure([service('web', { metric: 20 })]);
  expect(bench.log).toEqual(['0 203.0.113.10 10->20: programmed, healthy and active']);
});

test('the announcements sent are always those decided, and never without cause', () => {
  const input = fc.oneof(
    fc.record({
      kind: fc.constant('health' as const),
      service: fc.constantFrom('web', 'mail'),
      healthy: fc.nat({ max: 2 }),
    }),
    fc.record({ kind: fc.constant('programmed' as const), services: fc.subarray(['web', 'mail']) }),
    fc.record({
      kind: fc.constant('stance' as const),
      stance: fc.constantFrom('withhold' as const, 'lastResort' as const, 'serve' as const),
      state: fc.constant('x'),
    }),
    fc.constant({ kind: 'timer' as const }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(input, fc.nat({ max: 8000 })), { maxLength: 40 }), (steps) => {
      const policy = new AnnouncePolicy();
      const services = [service('web'), service('mail', { vips: [VIP, OTHER], whenDown: 'metric' })];
      policy.handle({ kind: 'configure', services, vips: {}, holdUp: 10_000 }, 0);
      let [now, sent, programmed, stance] = [0, '[]', [] as readonly string[], 'withhold'];
      for (const [step, wait] of steps) {
        now += wait;
        if (step.kind === 'programmed') programmed = step.services;
        if (step.kind === 'stance') stance = step.stance;
        for (const effect of policy.handle(step, now)) {
          if (effect.kind !== 'announce') continue;
          expect(JSON.stringify(effect.announcements)).not.toBe(sent);
          sent = JSON.stringify(effect.announcements);
        }
        expect(JSON.stringify(policy.announcements())).toBe(sent);
        const vips = policy.announcements().map(({ vip }) => vip);
        if (stance === 'withhold') expect(vips).toEqual([]);
        if (!programmed.includes('mail')) expect(vips).toEqual([]);
        if (!programmed.includes('web')) expect(vips).not.toContain(VIP);
      }
    }),
  );
});
