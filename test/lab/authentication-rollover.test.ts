/** Keys that change under an adjacency, an agent that is killed, and a wrong key: beside FRR 8.4 and BIRD 2.0. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeCell } from '../../lab/interop/cell-files.ts';
import type { RouterKind } from '../../lab/interop/cells.ts';
import { KEY } from '../../lab/interop/router-files.ts';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';

/** Longer than the dead interval (4 s): what is wrong with a key shows within it. */
const SETTLED = 5000;

const OLD = { id: KEY.keyId, secret: KEY.key };
const NEW = { id: 8, secret: 'other' };

/** Less than the dead interval: the router still has the number of the last packet before the kill. */
const FULL_AGAIN = 3500;

interface Key {
  readonly id: number;
  readonly secret: string;
}

/** One director and one router that begin with the old key and are Full. */
class Link {
  lab!: Lab;
  #folder = '';

  async up(router: RouterKind): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'sluice-auth-'));
    const topology = await writeCell({ router, role: 'p2p', auth: 'md5', area: 'normal' }, this.#folder);
    this.lab = await up(topology, { directors: ['d1'] });
    await this.full(20_000);
  }

  async down(): Promise<void> {
    await this.lab.down();
    await rm(this.#folder, { recursive: true, force: true });
  }

  full(within: number) {
    return until('the adjacency to be Full', within, async () => {
      const rows = await this.lab.api('d1').get('/v1/neighbors');
      return rows.length === 1 && rows[0]?.state === 'full';
    });
  }

  /** The lines of our key file. */
  async keys(...lines: readonly string[]): Promise<void> {
    await writeFile(join(this.#folder, 'ospf.keys'), `${lines.join('\n')}\n`);
    expect(await this.lab.api('d1').post('/v1/reload')).toMatchObject({ applied: true });
  }

  async vtysh(...commands: readonly string[]): Promise<void> {
    const all = ['configure terminal', 'interface eth1', ...commands].flatMap((command) => ['-c', command]);
    expect(await this.lab.node('r1').exec(['vtysh', ...all])).toMatchObject({ code: 0 });
  }

  /** BIRD's keys, in this order. */
  async bird(...keys: readonly Key[]): Promise<void> {
    const path = join(this.#folder, 'router.conf');
    const text = await readFile(path, 'utf8');
    const lines = keys.map(({ id, secret }) => `password "${secret}" { id ${id}; algorithm keyed md5; };`);
    await writeFile(
      path,
      text.replace(/(authentication cryptographic;\n)(?: *password .*\n)+/, `$1${lines.join('\n')}\n`),
    );
    const { stdout } = await this.lab.node('r1').exec(['birdc', 'configure']);
    expect(stdout).toContain('Reconfigured');
  }

  /** The adjacency stays as it is for longer than a dead interval. */
  async nothingIsLost(): Promise<void> {
    const before = await this.lost();
    const end = performance.now() + SETTLED;
    await until('a dead interval and more to pass', SETTLED + 1000, () => performance.now() >= end);
    expect(await this.lost()).toEqual(before);
  }

  async lost(): Promise<unknown[]> {
    const events = await this.lab.api('d1').get('/v1/events?since=0');
    return events.filter(({ event, values }) => event === 'neighbor-changed' && values['from'] === 'full');
  }

  /** What our agent refused since it was started. */
  async refusedByUs(): Promise<unknown[]> {
    const events = await this.lab.api('d1').get('/v1/events?since=0');
    return events.filter(({ event }) => event === 'neighbor-trouble').map(({ values }) => values);
  }

  /** What the router says that it refused. */
  async refusedByRouter(): Promise<readonly string[]> {
    const text = await readFile(join(this.lab.dir, 'r1.log'), 'utf8');
    return text.split('\n').filter((line) => /md5|auth.*(fail|mismatch)/i.test(line));
  }

  async keyInUse() {
    return (await this.lab.api('d1').get('/v1/interfaces'))[0]?.authentication;
  }
}

const ours = ({ id, secret }: Key) => `${id} ${secret}`;

describe.each(['frr-8', 'bird-2.0'] as const)('beside %s', (router) => {
  const link = new Link();
  beforeAll(() => link.up(router));
  afterAll(() => link.down());

  if (router === 'frr-8') {
    test('from one key to another, the router first', async () => {
      await link.keys(ours(OLD), `${ours(NEW)} accept-only`);
      await link.nothingIsLost();
      // From here on it takes no other than the key that was added last, so we follow within the dead interval.
      await link.vtysh(`ip ospf message-digest-key ${NEW.id} md5 ${NEW.secret}`);
      await link.keys(ours(OLD), ours(NEW));
      await link.nothingIsLost();
      // It still has both, and sends with the one that we have left.
      await link.keys(ours(NEW));
      await link.nothingIsLost();
      await link.vtysh(`no ip ospf message-digest-key ${OLD.id}`);
      await link.nothingIsLost();
    });
  } else {
    test('from one key to another, without regard to time', async () => {
      await link.keys(ours(OLD), `${ours(NEW)} accept-only`);
      await link.bird(OLD, NEW);
      await link.nothingIsLost();
      await link.keys(ours(OLD), ours(NEW));
      await link.nothingIsLost();
      await link.bird(NEW, OLD);
      // It still has both, and sends with the one that we have left.
      await link.keys(ours(NEW));
      await link.nothingIsLost();
      await link.bird(NEW);
      await link.nothingIsLost();
      expect(await link.refusedByRouter()).toEqual([]);
    });
  }

  test('we refused nothing on the way', async () => {
    expect(await link.refusedByUs()).toEqual([]);
    expect(await link.keyInUse()).toMatchObject({ algorithm: 'md5', keyId: NEW.id, accepts: [NEW.id] });
  });

  test('an agent that is killed is believed by the router as soon as it is back', async () => {
    await link.lab.stopDirector('d1', 'SIGKILL');
    await link.lab.startDirector('d1');
    await link.full(FULL_AGAIN);
    expect(await link.refusedByUs()).toEqual([]);
    expect(await link.refusedByRouter()).toEqual([]);
  });

  test('a wrong key is named once, with neighbor and reason', async () => {
    const wrong = { id: NEW.id, secret: 'wrong' };
    if (router === 'bird-2.0') await link.bird(wrong);
    else
      await link.vtysh(`no ip ospf message-digest-key ${wrong.id}`, `ip ospf message-digest-key ${wrong.id} md5 wrong`);
    await until('the adjacency to be lost', 10_000, async () => (await link.lost()).length > 0);
    expect(await link.refusedByUs()).toEqual([
      expect.objectContaining({
        ...{ interface: 'eth1', address: '10.1.0.1', reason: 'authentication' },
        detail: expect.stringMatching(/^authDigest .*our key 8$/),
      }),
    ]);
    expect(await link.refusedByRouter()).not.toEqual([]);
  });
});

test('FRR 8.4 takes no other key than the one that was added last', async () => {
  const link = new Link();
  await link.up('frr-8');
  try {
    await link.keys(ours(OLD), `${ours(NEW)} accept-only`);
    await link.vtysh(`ip ospf message-digest-key ${NEW.id} md5 ${NEW.secret}`);
    const { stdout } = await link.lab.node('r1').exec(['vtysh', '-c', 'show running-config']);
    expect(stdout).toContain(`message-digest-key ${OLD.id} md5`);
    await until('the router to lose us', 10_000, async () => (await link.lost()).length > 0);
    // We go on hearing it; it is the router that takes nothing from us.
    expect(await link.lost()).toMatchObject([{ values: { to: 'init', reason: 'oneWay' } }]);
    expect(await link.refusedByUs()).toEqual([]);
  } finally {
    await link.down();
  }
});
