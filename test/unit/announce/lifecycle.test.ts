import { describe, expect, test } from 'vitest';
import {
  FLUSH_WITHIN,
  Lifecycle,
  type LifecycleInput,
  printTransitions,
  WITHDRAW_WITHIN,
} from '../../../src/core/announce/lifecycle.ts';
import { type HeardVip, LAST_RESORT } from '../../../src/core/announce/policy.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';

const VIP = ipv4('203.0.113.10');
const OTHER = ipv4('203.0.113.11');
const NORMAL: readonly HeardVip[] = [
  { vip: VIP, metric: 10 },
  { vip: OTHER, metric: 20 },
];
const RAISED = NORMAL.map(({ vip, metric }) => ({ vip, metric: metric + LAST_RESORT }));

/** A director on a virtual clock; `log` has every effect as a line. */
class Bench {
  readonly lifecycle = new Lifecycle();
  readonly log: string[] = [];
  now = 0;

  tell(...inputs: readonly LifecycleInput[]): this {
    for (const input of inputs) {
      for (const effect of this.lifecycle.handle(input, this.now)) {
        const at = this.now / 1000;
        if (effect.kind === 'state') this.log.push(`${at} ${effect.from} -> ${effect.to}: ${effect.reason}`);
        else if (effect.kind === 'stance') this.log.push(`${at} stance ${effect.stance} (${effect.state})`);
        else if (effect.kind === 'drainStep') this.log.push(`${at} ${effect.step}: ${effect.detail}`);
        else this.log.push(`${at} ${effect.kind}`);
      }
    }
    return this;
  }

  until(seconds: number): this {
    for (;;) {
      const { deadline } = this.lifecycle;
      if (deadline === undefined || deadline > seconds * 1000) break;
      this.now = deadline;
      this.tell({ kind: 'timer' });
    }
    this.now = seconds * 1000;
    return this;
  }

  announced(announcements: readonly HeardVip[]): this {
    return this.tell({ kind: 'announced', announcements });
  }

  /** Every VIP of ours at this rate. */
  traffic(packetsPerSecond: number): this {
    return this.tell({ kind: 'traffic', rates: [VIP, OTHER].map((vip) => ({ vip, packetsPerSecond })) });
  }

  /** A rate every 250 ms until then. */
  trafficUntil(seconds: number, packetsPerSecond: number): this {
    while (this.now / 1000 < seconds) this.until(this.now / 1000 + 0.25).traffic(packetsPerSecond);
    return this;
  }

  last(...vips: readonly number[]): this {
    return this.tell({ kind: 'lastAnnouncer', vips });
  }

  drain(within = 60_000): this {
    return this.tell({ kind: 'drain', within });
  }

  stop(within = 60_000): this {
    return this.tell({ kind: 'stop', within });
  }

  /** Serving, two VIPs announced, others announce them too. */
  static active(): Bench {
    const bench = new Bench();
    bench.tell({ kind: 'opened', peers: 0 }, { kind: 'programmed' }).announced(NORMAL).last();
    bench.log.length = 0;
    return bench;
  }
}

test('the table', () => {
  expect(printTransitions()).toMatchInlineSnapshot(`
    "starting -> failed   when hasFailed    (failed)
    starting -> drained  when mustStop     (stopped before it served)
    starting -> syncing  when isOpen       (kernel state adopted, sockets open)
    syncing  -> failed   when hasFailed    (failed)
    syncing  -> drained  when mustStop     (stopped before it served)
    syncing  -> ready    when isSynced     (no peer has connections that are still to be copied)
    ready    -> failed   when hasFailed    (failed)
    ready    -> drained  when mustStop     (stopped before it served)
    ready    -> active   when isProgrammed (data plane read back)
    active   -> failed   when hasFailed    (failed)
    active   -> draining when mustLeave    (told to drain)
    draining -> failed   when hasFailed    (failed)
    draining -> active   when mayStay      (told to serve again)
    draining -> drained  when isWithdrawn  (all VIPs withdrawn)
    drained  -> ready    when mayStay      (told to serve again)
    failed   -> drained  when mustStop     (stopped before it served)
    failed   -> starting when hasRecovered (recovered)
    "
  `);
});

describe('going up', () => {
  test('adopt, copy connections, program, serve', () => {
    const bench = new Bench().tell({ kind: 'opened', peers: 2 }).until(1).tell({ kind: 'synced' }).until(2);
    bench.tell({ kind: 'programmed' });
    expect(bench.log).toEqual([
      '0 starting -> syncing: kernel state adopted, sockets open',
      '0 stance withhold (syncing)',
      '1 syncing -> ready: no peer has connections that are still to be copied',
      '1 stance withhold (ready)',
      '2 ready -> active: data plane read back',
      '2 stance serve (active)',
    ]);
  });

  test('without peers there is nothing to copy', () => {
    expect(new Bench().tell({ kind: 'opened', peers: 0 }).lifecycle.state).toBe('ready');
  });

  test('a data plane that is read back early is not forgotten', () => {
    const bench = new Bench().tell({ kind: 'programmed' }, { kind: 'opened', peers: 1 }, { kind: 'synced' });
    expect(bench.lifecycle.state).toBe('active');
  });

  test('a drain that was asked for before it serves never lets it serve', () => {
    const bench = new Bench().drain().tell({ kind: 'programmed' }, { kind: 'opened', peers: 0 });
    expect(bench.lifecycle.state).toBe('drained');
    expect(bench.log.filter((line) => line.includes('stance serve'))).toEqual([]);
  });

  test('a stop before it serves ends it at once', () => {
    expect(new Bench().stop().log).toEqual([
      '0 starting -> drained: stopped before it served',
      '0 stance withhold (drained)',
      '0 stop',
    ]);
  });
});

describe('drain', () => {
  test('raise metrics, wait for quiet, withdraw, stop: in this order', () => {
    const bench = Bench.active().trafficUntil(10, 500).stop().until(11).announced(RAISED);
    bench.trafficUntil(12, 300).trafficUntil(14, 3).until(14.5).announced([]);
    expect(bench.log).toEqual([
      '10 active -> draining: told to drain',
      '10 stance lastResort (draining)',
      '11 metric-raised: 203.0.113.10, 203.0.113.11',
      '13.25 traffic-gone: 203.0.113.10 3 packets/s, 203.0.113.11 3 packets/s',
      '13.25 withdrawing: 203.0.113.10, 203.0.113.11',
      '13.25 stance withhold (draining)',
      '14.5 draining -> drained: all VIPs withdrawn',
      '14.5 stance withhold (drained)',
      '14.5 stop',
    ]);
  });

  test('one busy VIP keeps all of them', () => {
    const bench = Bench.active().drain().announced(RAISED);
    for (let second = 1; second < 30; second++) {
      bench.until(second).tell({ kind: 'traffic', rates: [{ vip: OTHER, packetsPerSecond: 50 }] });
    }
    expect(bench.lifecycle.stance).toBe('lastResort');
    expect(bench.lifecycle.waitingFor(bench.now)).toEqual(['203.0.113.11: 50 packets/s', '31 s until the deadline']);
    expect(bench.lifecycle.waitingFor(bench.now, VIP)).toEqual(['31 s until the deadline']);
  });

  test('a pause shorter than a second is not quiet', () => {
    const bench = Bench.active().drain().announced(RAISED);
    for (let second = 1; second < 30; second++) bench.trafficUntil(second - 0.25, 0).trafficUntil(second, 100);
    expect(bench.lifecycle.stance).toBe('lastResort');
  });

  test('silence before the raised metric was out does not count', () => {
    const bench = Bench.active().drain().trafficUntil(5, 0);
    expect(bench.lifecycle.stance).toBe('lastResort');
    bench.announced(RAISED).trafficUntil(6, 0);
    expect(bench.lifecycle.stance).toBe('lastResort');
    expect(bench.trafficUntil(6.5, 0).lifecycle.stance).toBe('withhold');
  });

  test('at the deadline it withdraws whatever traffic is left', () => {
    const bench = Bench.active().drain(5000).announced(RAISED).trafficUntil(10, 400);
    expect(bench.log).toContain('5 deadline-passed: 203.0.113.10 400 packets/s, 203.0.113.11 400 packets/s');
  });

  test('with no VIP announced it is over at once', () => {
    const bench = Bench.active().announced([]);
    bench.log.length = 0;
    bench.stop();
    expect(bench.log).toEqual([
      '0 active -> draining: told to drain',
      '0 traffic-gone: no VIP announced',
      '0 withdrawing: no VIP announced',
      '0 draining -> drained: all VIPs withdrawn',
      '0 stance withhold (drained)',
      '0 stop',
    ]);
  });

  test('a speaker that never confirms the withdrawal does not hold the end up for ever', () => {
    const bench = Bench.active().stop(1000).announced(RAISED).until(100);
    expect(bench.log.at(-1)).toBe(`${(1000 + WITHDRAW_WITHIN) / 1000} stop`);
  });
});

describe('the last announcer', () => {
  test('told to stop, it serves until the deadline, then withdraws', () => {
    const bench = Bench.active().last(VIP).stop(20_000).announced(RAISED).trafficUntil(19.75, 0);
    expect(bench.lifecycle.stance).toBe('lastResort');
    expect(bench.lifecycle.waitingFor(bench.now)).toEqual([
      '203.0.113.10: no other director announces it',
      '1 s until the deadline',
    ]);
    bench.until(20).announced([]);
    expect(bench.log.at(-1)).toBe('20 stop');
  });

  test('told to drain only, it stays a last resort past the deadline, until another director is there', () => {
    const bench = Bench.active().last(VIP).drain(20_000).announced(RAISED).trafficUntil(100, 0);
    expect(bench.lifecycle.stance).toBe('lastResort');
    expect(bench.lifecycle.deadline).toBeUndefined();
    bench.last();
    expect(bench.lifecycle.stance).toBe('withhold');
  });

  test('a stop that follows brings its own deadline', () => {
    const bench = Bench.active().last(VIP).drain(20_000).announced(RAISED).trafficUntil(100, 0).stop(20_000).until(119);
    expect(bench.lifecycle.stance).toBe('lastResort');
    expect(bench.until(121).lifecycle.stance).toBe('withhold');
  });

  test('as long as nobody has said who else is there, we are the last', () => {
    const bench = new Bench().tell({ kind: 'opened', peers: 0 }, { kind: 'programmed' }).announced(NORMAL);
    bench.drain(20_000).announced(RAISED).trafficUntil(100, 0);
    expect(bench.lifecycle.stance).toBe('lastResort');
  });

  test('a VIP that we do not announce does not make us the last', () => {
    const bench = Bench.active().last(ipv4('203.0.113.99')).drain().announced(RAISED).trafficUntil(2, 0);
    expect(bench.lifecycle.stance).toBe('withhold');
  });
});

describe('undrain', () => {
  test('from draining it serves again at once', () => {
    const bench = Bench.active().drain().announced(RAISED).until(1).tell({ kind: 'undrain' });
    expect(bench.log.slice(-2)).toEqual(['1 draining -> active: told to serve again', '1 stance serve (active)']);
    expect(bench.lifecycle.deadline).toBeUndefined();
  });

  test('from drained too', () => {
    const bench = Bench.active().drain().announced(RAISED).trafficUntil(2, 0).announced([]);
    expect(bench.lifecycle.state).toBe('drained');
    expect(bench.tell({ kind: 'undrain' }).lifecycle.stance).toBe('serve');
  });

  test('a stop cannot be taken back', () => {
    const bench = Bench.active().stop().tell({ kind: 'undrain' });
    expect(bench.lifecycle.state).toBe('draining');
  });

  test('a second drain has a deadline of its own', () => {
    const bench = Bench.active()
      .drain(5000)
      .until(4)
      .tell({ kind: 'undrain' })
      .until(100)
      .drain(5000)
      .announced(RAISED);
    expect(bench.trafficUntil(104.5, 400).lifecycle.stance).toBe('lastResort');
    expect(bench.trafficUntil(105, 400).lifecycle.stance).toBe('withhold');
  });
});

describe('failure', () => {
  test('withdraws, and a director that has recovered begins at the beginning', () => {
    const bench = Bench.active().tell({ kind: 'failed', reason: 'no sockets' }, { kind: 'programmed' });
    expect(bench.log).toEqual(['0 active -> failed: no sockets', '0 stance withhold (failed)']);
    bench.tell({ kind: 'recovered' });
    expect(bench.lifecycle.state).toBe('starting');
    bench.tell({ kind: 'opened', peers: 0 }, { kind: 'programmed' });
    expect(bench.lifecycle.state).toBe('active');
  });

  test('a failed director can be stopped', () => {
    const bench = Bench.active().tell({ kind: 'failed', reason: 'no sockets' }).stop();
    expect(bench.log.at(-1)).toBe('0 stop');
  });

  test('a stopped director that fails while it drains ends', () => {
    const bench = Bench.active().stop().tell({ kind: 'failed', reason: 'no sockets' });
    expect(bench.log.at(-1)).toBe('0 stop');
  });
});

test('stop is sent once', () => {
  const bench = Bench.active().announced([]).stop().stop().until(100).announced([]);
  expect(bench.log.filter((line) => line.endsWith(' stop'))).toHaveLength(1);
});

describe('a drain with peers', () => {
  function active(peers = 2): Bench {
    const bench = new Bench();
    bench.tell({ kind: 'opened', peers }, { kind: 'synced' }, { kind: 'programmed' }).announced(NORMAL).last();
    bench.log.length = 0;
    return bench;
  }

  test('raises the metric only when every peer holds our connections', () => {
    const bench = active().drain().until(0.2);
    expect(bench.log).toEqual(['0 active -> draining: told to drain', '0 flush', '0 stance serve (draining)']);
    expect(bench.lifecycle.waitingFor()).toEqual(['peers to confirm that they hold our connections']);
    bench.log.length = 0;
    bench.tell({ kind: 'flushed', silent: [] });
    expect(bench.log).toEqual([
      '0.2 flushed: every peer that lives holds our connections',
      '0.2 stance lastResort (draining)',
    ]);
  });

  test('goes on without a peer that does not confirm', () => {
    const told = active()
      .drain()
      .until(1)
      .tell({ kind: 'flushed', silent: ['d3'] });
    expect(told.log.slice(3)).toEqual(['1 flush-timeout: not confirmed by d3', '1 stance lastResort (draining)']);
    const untold = active()
      .drain()
      .until(FLUSH_WITHIN / 1000);
    expect(untold.log.slice(3)).toEqual([
      '5 flush-timeout: no word of who holds our connections',
      '5 stance lastResort (draining)',
    ]);
    const hurried = active().drain(500).until(0.5);
    expect(hurried.log.slice(3, 5)).toEqual([
      '0.5 flush-timeout: no word of who holds our connections',
      '0.5 deadline-passed: 203.0.113.10 0 packets/s, 203.0.113.11 0 packets/s',
    ]);
  });

  test('an undrain meanwhile leaves the metric as it was; the next drain asks anew', () => {
    const bench = active()
      .drain()
      .until(0.1)
      .tell({ kind: 'undrain' })
      .until(0.2)
      .tell({ kind: 'flushed', silent: [] });
    expect(bench.log.slice(3)).toEqual(['0.1 draining -> active: told to serve again', '0.1 stance serve (active)']);
    bench.log.length = 0;
    bench.drain();
    expect(bench.log).toContain('0.2 flush');
  });

  test('peers come and go with the file', () => {
    expect(active().tell({ kind: 'peers', peers: 0 }).drain().log).not.toContain('0 flush');
    expect(active(0).tell({ kind: 'peers', peers: 1 }).drain().log).toContain('0 flush');
  });
});
