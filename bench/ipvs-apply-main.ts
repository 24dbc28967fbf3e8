/** The benchmark `ipvs-apply` inside its guest: `SERVICES ROUNDS`. Ends with one JSON line, a `Measured`. */
import { ipv4 } from '../src/core/base/ipv4.ts';
import { wishedServices } from '../src/core/dataplane/ipvs/desired.ts';
import { type Observed, planIpvs } from '../src/core/dataplane/ipvs/plan.ts';
import type { DesiredDataplane } from '../src/core/model/dataplane.ts';
import { serviceKeyText } from '../src/core/netlink/ipvs/service.ts';
import { NO_STATISTICS } from '../src/core/netlink/ipvs/statistics.ts';
import { IpvsDataplane } from '../src/drivers/dataplane/ipvs.ts';
import { exec } from '../src/io/exec.ts';
import type { Measured } from './ipvs-apply.ts';

const SERVERS = 10;

function dataplane(services: number): DesiredDataplane {
  return {
    upstream: [],
    plane: 'ipvs',
    services: Array.from({ length: services }, (_, i) => ({
      name: `s${i}`,
      vips: [ipv4('203.0.0.1') + i],
      ports: [80],
      protocol: 'tcp',
      servers: Array.from({ length: SERVERS }, (_, at) => ({
        name: `r${at}`,
        address: ipv4('10.0.0.1') + SERVERS * i + at,
        weight: 1 + (at % 3),
        state: 'up',
      })),
    })),
  };
}

async function timed(work: () => unknown): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}

/** As it would be read back. */
function kernelOf(desired: DesiredDataplane): Observed {
  const idle = { active: 0, inactive: 0, persistent: 0, statistics: NO_STATISTICS };
  return new Map(
    wishedServices(desired).map((service) => [
      serviceKeyText(service.key),
      { ...service, destinations: service.destinations.map((one) => ({ ...one, ...idle })) },
    ]),
  );
}

async function must(argv: readonly [string, ...string[]], input = ''): Promise<string> {
  const { code, stdout, stderr } = await exec(argv, { input, deadline: 300_000 });
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
  return stdout;
}

type Samples = { -readonly [Name in keyof Measured]: number[] };

async function round(desired: DesiredDataplane, into: Samples): Promise<void> {
  const observed = kernelOf(desired);
  const own = new Set(observed.keys());
  into.planFirst.push(await timed(() => planIpvs(wishedServices(desired), new Map(), own, new Map())));
  into.planNothing.push(await timed(() => planIpvs(wishedServices(desired), observed, own, new Map())));
  const driver = new IpvsDataplane();
  await driver.open();
  // The tables first, so that what is measured after that is IPVS.
  into.tables.push(await timed(() => driver.apply(desired)));
  const rules = await must(['ipvsadm', '-S', '-n']);
  await must(['ipvsadm', '-C']);
  into.first.push(await timed(() => driver.apply(desired)));
  into.nothing.push(await timed(() => driver.apply(desired)));
  await must(['ipvsadm', '-C']);
  into.ipvsadm.push(await timed(() => must(['ipvsadm', '-R'], rules)));
  into.memory.push(process.memoryUsage().rss / 2 ** 20);
  await driver.remove();
  await driver.close();
}

async function main(services: number, rounds: number): Promise<void> {
  const measured: Samples = {
    planFirst: [],
    planNothing: [],
    tables: [],
    first: [],
    ipvsadm: [],
    nothing: [],
    memory: [],
  };
  for (let n = 0; n < rounds; n++) await round(dataplane(services), measured);
  process.stdout.write(`${JSON.stringify(measured)}\n`);
}

await main(Number(process.argv[2]), Number(process.argv[3]));
