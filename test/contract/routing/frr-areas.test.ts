/**
 * The speaker `frr` where FRR is configured by the templates for more than one area of the usual kind: an NSSA, two instances, BFD,
 * a router that restarts. FRR 8.4 and 10.3.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { renderTemplate } from '../../../src/core/base/template.ts';
import type { AnnouncedPrefix } from '../../../src/core/ospf/events.ts';
import { FRR_ROOTS, FrrWorld, until, vip } from './frr-world.ts';

const TEMPLATES = new URL('../../../frr-templates/director/', import.meta.url);

interface Instance {
  /** `''`, ` 1`, ` 2`. */
  readonly process: string;
  readonly area: string;
  readonly interface: string;
  readonly nssa?: boolean;
}

/** As an operator makes it of the templates; the router's is made of the same. */
function configured(parts: readonly string[], instances: readonly Instance[]) {
  return (id: number) =>
    instances
      .flatMap((instance) => {
        const link = { interface: instance.interface, network: 'point-to-point', cost: 10, priority: 0 };
        const variables = {
          ...{ hostname: `host${id}`, routerId: `10.255.0.${id}`, process: instance.process, area: instance.area },
          areaType: instance.nssa ? [{ type: 'nssa' }] : [],
          links: [{ ...link, hello: 1, dead: 4, minimal: [], password: [], md5: [], hmac: [] }],
          ...{ passive: [], interval: 50, multiplier: 3 },
        };
        return parts.map((part) =>
          renderTemplate(readFileSync(new URL(`${part}.conf.template`, TEMPLATES), 'utf8'), variables),
        );
      })
      .join('');
}

const USUAL = ['base', 'areas', 'graceful-restart'];

describe.each(FRR_ROOTS)('%s', (root) => {
  let world: FrrWorld | undefined;
  afterEach(async () => {
    await world?.end();
    world = undefined;
  });

  test('an NSSA: each prefix is an LSA of type 7, with its metric', async () => {
    const config = configured(USUAL, [{ process: '', area: '0.0.0.7', interface: 'eth1', nssa: true }]);
    const here = await FrrWorld.begin(root, '', { config });
    world = here;
    const operators = here.foreign();
    const { speaker, faults } = here.speak({ config: { areaId: 7, areaType: 'nssa' } });
    speaker.set([vip('203.0.113.10', 10)]);
    await speaker.start();
    await until('the prefix to be read back', () => speaker.announced().length === 1);
    const lsa = (metric: number) => [{ metric, lsa: { kind: 'nssa', metricType: 1, tag: 0 } }];
    expect(speaker.announced()).toMatchObject(lsa(10));
    const heard = () => {
      const { nssaExternalLinkStates } = JSON.parse(here.r.vtysh('show ip ospf database nssa-external json'));
      const rows = Object.values<{ linkStateId: string; metric: number }[]>(nssaExternalLinkStates.areas).flat();
      return rows.map(({ linkStateId, metric }) => `${linkStateId} ${metric}`);
    };
    await until('the router to hear', () => heard().includes('203.0.113.10 10'));
    speaker.set([vip('203.0.113.10', 60_010)]);
    await until('the drain', () => heard().includes('203.0.113.10 60010'));
    await until('it to be read back', () => speaker.announced()[0]?.metric === 60_010);
    expect(speaker.announced()).toMatchObject(lsa(60_010));
    expect([here.foreign(), faults()]).toEqual([operators, []]);
    await speaker.stop();
    expect(speaker.announced()).toEqual([]);
  });

  test('two instances: two processes, each with its prefixes; one that ends leaves the other alone', async () => {
    const config = configured(USUAL, [
      { process: ' 1', area: '0.0.0.0', interface: 'eth1' },
      { process: ' 2', area: '0.0.0.7', interface: 'eth2' },
    ]);
    const here = await FrrWorld.begin(root, '', { config, links: 2, daemons: ['ospfd-1', 'ospfd-2'] });
    world = here;
    const operators = here.foreign();
    const outside = here.speak({ process: 1 });
    const inside = here.speak({
      ...{ beside: outside, instance: 'inside', process: 2, interface: 'eth2', config: { areaId: 7 } },
    });
    const both: AnnouncedPrefix = vip('203.0.113.10', 10);
    outside.speaker.set([both]);
    inside.speaker.set([{ ...both, metric: 30 }, vip('203.0.113.11', 10)]);
    await outside.speaker.start();
    await inside.speaker.start();
    await until('both', () => outside.speaker.announced().length === 1 && inside.speaker.announced().length === 2);
    const heard = (process: number) => {
      const answer = here.r.vtysh(`show ip ospf ${process} database external json`);
      const { asExternalLinkStates: rows } = JSON.parse(answer.slice(answer.indexOf('{')));
      const live = rows.filter(({ lsaAge }: { lsaAge: number }) => lsaAge < 3600);
      return live.map(({ linkStateId, metric }: { linkStateId: string; metric: number }) => `${linkStateId} ${metric}`);
    };
    await until('the router to hear in both', () => heard(1).length === 1 && heard(2).length === 2);
    expect([heard(1), heard(2).toSorted()]).toEqual([['203.0.113.10 10'], ['203.0.113.10 30', '203.0.113.11 10']]);
    expect(outside.speaker.neighbors()).toMatchObject([{ interface: 'eth1', state: 'full' }]);
    expect(inside.speaker.neighbors()).toMatchObject([{ interface: 'eth2', state: 'full' }]);
    await inside.speaker.stop();
    await until('the router to hear', () => heard(2).length === 0);
    expect([heard(1), outside.speaker.announced().length, here.foreign()]).toEqual([['203.0.113.10 10'], 1, operators]);
  });

  test('BFD: a router that falls silent is noticed long before the dead interval; bfdd goes before everything else', async () => {
    const instance = { process: '', area: '0.0.0.0', interface: 'eth1' };
    const config = configured([...USUAL, 'bfd'], [instance]);
    const here = await FrrWorld.begin(root, '', { config, daemons: ['bfdd', 'ospfd'] });
    world = here;
    const dropIn = readFileSync(new URL('bfdd-priority.conf', TEMPLATES), 'utf8');
    const [, command] = /^ExecStartPost=\/bin\/sh -c '(.*)'$/m.exec(dropIn)!;
    const pid = here.d.processId('bfdd');
    execFileSync('/bin/sh', ['-c', `pidof() { echo ${pid}; }; ${command}`]);
    const [policy, priority] = [40, 39].map((field) => statOf(pid)[field]);
    expect({ policy, priority }).toEqual({ policy: '2', priority: '20' });
    const { speaker, news } = here.speak();
    await speaker.start();
    await until('the session', () => here.d.vtysh('show bfd peers json').includes('"status":"up"'));
    await until('the neighbor', () => speaker.neighbors().some(({ state }) => state === 'full'));
    const began = performance.now();
    here.r.signal('SIGSTOP');
    try {
      // The session of a neighbor that is gone is gone as well.
      await until('it to be noticed', () => !here.d.vtysh('show bfd peers json').includes('"status":"up"'), 3000);
      await until('ospfd to act on it', () => !here.d.vtysh('show ip ospf neighbor json').includes('"Full'), 3000);
      expect(performance.now() - began).toBeLessThan(2500);
      await until('the event', () => news.some((event) => event.kind === 'neighbor' && event.from === 'full'));
    } finally {
      here.r.signal('SIGCONT');
    }
    await here.full();
  });

  test('a router that restarts in an orderly way is helped: the adjacency stays, and the VIP too', async () => {
    const instance = { process: '', area: '0.0.0.0', interface: 'eth1' };
    const config = configured(USUAL, [instance]);
    const here = await FrrWorld.begin(root, '', {
      config: (id) => (id === 2 ? `${config(id)}${RESTARTS}` : config(id)),
    });
    world = here;
    const { speaker, news } = here.speak();
    speaker.set([vip('203.0.113.10', 10)]);
    await speaker.start();
    await until('the VIP', () => speaker.announced().length === 1 && speaker.neighbors().length === 1);
    news.length = 0;
    here.r.vtysh('graceful-restart prepare ip ospf');
    await here.r.kill(['ospfd']);
    // Longer than the dead interval: what is looked at is that nothing happens.
    await new Promise((resolve) => void setTimeout(resolve, 6000));
    expect(speaker.neighbors()).toMatchObject([{ state: 'full' }]);
    await here.r.start(['ospfd']);
    await until('it to be done', () => here.r.vtysh('show ip ospf neighbor json').includes('"Full'), 30_000);
    expect(speaker.announced()).toHaveLength(1);
    expect(news.filter((event) => event.kind === 'announced')).toEqual([]);
  });
});

const RESTARTS = 'router ospf\n graceful-restart grace-period 60\nexit\n';

/** Fields of `/proc/PID/stat`, counted from the state as in proc(5) but from 0 with the pid. */
function statOf(pid: number): readonly string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return [String(pid), 'name', ...text.slice(text.lastIndexOf(')') + 2).split(' ')];
}
