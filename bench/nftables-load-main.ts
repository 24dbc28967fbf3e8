/** The benchmark `nftables-load` inside its namespace: `SERVICES SLOTS ROUNDS`. Ends with one JSON line, a list of `Loaded`. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ipv4 } from '../src/core/base/ipv4.ts';
import type { DesiredDataplane, DesiredServer } from '../src/core/model/dataplane.ts';
import type { MaglevScheduler } from '../src/core/model/scheduler.ts';
import { NftablesDataplane } from '../src/drivers/dataplane/nftables.ts';
import type { Lateness, Loaded } from './nftables-load.ts';

type Slots = MaglevScheduler['slots'];

const SERVERS = 10;
const FIRST_VIP = ipv4('203.0.113.0');
const FIRST_SERVER = ipv4('10.2.0.1');
const WARM_UP_MS = 300;

/** `down`: one server of each service, so that a tenth of all slots changes. */
function dataplane(services: number, slots: Slots, down: boolean): DesiredDataplane {
  const server = (service: number, index: number): DesiredServer => ({
    name: `r${index}`,
    address: FIRST_SERVER + service * SERVERS + index,
    weight: 1,
    state: down && index === 0 ? 'down' : 'up',
  });
  return {
    upstream: ['eth1', 'eth2'],
    services: Array.from({ length: services }, (_, i) => ({
      name: `service${i}`,
      vips: [FIRST_VIP + i],
      ports: [80],
      protocol: 'tcp' as const,
      scheduler: { name: 'mh' as const, slots, sourcePort: true },
      servers: Array.from({ length: SERVERS }, (_server, index) => server(i, index)),
    })),
  };
}

/** How late a timer of 1 ms is, until it is told to stop. */
class Stopwatch {
  readonly #late: number[] = [];
  #busiest = 0;
  #last = performance.now();
  #used = process.cpuUsage();
  readonly #timer = setInterval(() => this.#look(), 1);

  stop(): Lateness {
    this.#look();
    clearInterval(this.#timer);
    const sorted = this.#late.sort((a, b) => a - b);
    const p999 = sorted[Math.floor((sorted.length - 1) * 0.999)] ?? 0;
    return { p999, max: sorted.at(-1) ?? 0, busiest: this.#busiest };
  }

  #look(): void {
    const now = performance.now();
    this.#late.push(Math.max(0, now - this.#last - 1));
    this.#last = now;
    const { user, system } = process.cpuUsage(this.#used);
    this.#used = process.cpuUsage();
    this.#busiest = Math.max(this.#busiest, (user + system) / 1000);
  }
}

/** The idle process: begins with one message, and answers the next. */
function control(): void {
  let watch: Stopwatch | undefined;
  process.on('message', () => {
    const lateness = watch?.stop();
    watch = lateness === undefined ? new Stopwatch() : undefined;
    process.send?.(lateness ?? {});
  });
}

async function main(services: number, slots: Slots, rounds: number): Promise<void> {
  const idle = fork(fileURLToPath(import.meta.url), ['control']);
  const ask = async () => {
    const answer = once(idle, 'message');
    idle.send({});
    return (await answer)[0] as Lateness;
  };
  const watched = async (work: () => Promise<unknown>): Promise<Loaded['load']> => {
    await sleep(WARM_UP_MS);
    await ask();
    const watch = new Stopwatch();
    const begin = performance.now();
    await work();
    const time = performance.now() - begin;
    return { time, ours: watch.stop(), control: await ask() };
  };
  const [up, down] = [dataplane(services, slots, false), dataplane(services, slots, true)];
  const round = async (): Promise<Loaded> => {
    const driver = new NftablesDataplane();
    await driver.open();
    const load = await watched(() => driver.apply(up));
    const change = await watched(() => driver.apply(down));
    const next = new NftablesDataplane();
    await next.open();
    const adopt = await watched(() => next.apply(down));
    await next.remove();
    await Promise.all([driver.close(), next.close()]);
    return { load, change, adopt };
  };
  // The first round compiles the program, as an agent's first moments do, when nothing is announced yet.
  await round();
  const measured: Loaded[] = [];
  for (let n = 0; n < rounds; n++) measured.push(await round());
  idle.disconnect();
  process.stdout.write(`${JSON.stringify(measured)}\n`);
}

if (process.argv[2] === 'control') control();
else await main(Number(process.argv[2]), Number(process.argv[3]) as Slots, Number(process.argv[4]));
