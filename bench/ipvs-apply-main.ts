/** The benchmark `ipvs-apply` inside its guest: `SERVICES ROUNDS`. Ends with one JSON line, a `Measured`. */
import { readFile } from 'node:fs/promises';
import type { DesiredDataplane } from '../src/core/model/dataplane.ts';
import { IpvsDataplane } from '../src/drivers/dataplane/ipvs.ts';
import { exec } from '../src/io/exec.ts';
import { dataplane, timePlans } from './ipvs/services.ts';
import type { Measured } from './ipvs-apply.ts';

const TURNS = 10;

async function timed(work: () => unknown): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}

async function must(argv: readonly [string, ...string[]], input = ''): Promise<string> {
  const { code, stdout, stderr } = await exec(argv, { input, deadline: 300_000 });
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
  return stdout;
}

/** MiB that the kernel holds in small pieces: services, destinations, tables of `mh`; those per processor for what is counted. */
async function kernelMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8');
  const [slab, percpu] = ['Slab', 'Percpu'].map((name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]),
  );
  return (slab! + percpu!) / 1024;
}

const ownMemory = (): number => process.memoryUsage().rss / 2 ** 20;

type Samples = { -readonly [Name in keyof Measured]: number[] };

/** `before`: what the process had when it began. */
async function round(desired: DesiredDataplane, before: number, into: Samples): Promise<void> {
  const driver = new IpvsDataplane();
  await driver.open();
  // The tables first, so that what is measured after that is IPVS.
  into.tables.push(await timed(() => driver.apply(desired)));
  await driver.apply(desired);
  const rules = await must(['ipvsadm', '-S', '-n']);
  await must(['ipvsadm', '-C']);
  const kernelBefore = await kernelMemory();
  into.first.push(await timed(() => driver.apply(desired)));
  into.kernelMemory.push((await kernelMemory()) - kernelBefore);
  // An agent does so every second: what counts is not the first one.
  for (let n = 0; n < TURNS; n++) into.nothing.push(await timed(() => driver.apply(desired)));
  into.listing.push(await timed(() => must(['ipvsadm', '-S', '-n'])));
  await must(['ipvsadm', '-C']);
  into.ipvsadm.push(await timed(() => must(['ipvsadm', '-R'], rules)));
  into.memory.push(ownMemory() - before);
  into.plan.push(timePlans(desired.services.length).nothing);
  await driver.remove();
  await driver.close();
}

async function main(services: number, rounds: number): Promise<void> {
  const measured: Samples = {
    tables: [],
    first: [],
    ipvsadm: [],
    nothing: [],
    listing: [],
    plan: [],
    memory: [],
    kernelMemory: [],
  };
  const before = ownMemory();
  for (let n = 0; n < rounds; n++) await round(dataplane(services), before, measured);
  process.stdout.write(`${JSON.stringify(measured)}\n`);
}

await main(Number(process.argv[2]), Number(process.argv[3]));
