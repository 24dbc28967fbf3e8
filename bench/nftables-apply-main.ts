/** The benchmark `nftables-apply` inside its namespace: `SERVICES ROUNDS`. Ends with one JSON line, a `Measured`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ipv4 } from '../src/core/base/ipv4.ts';
import { DATA_TABLE } from '../src/core/dataplane/names.ts';
import { transactionSteps } from '../src/core/dataplane/nft-text.ts';
import { planSteps } from '../src/core/dataplane/plan.ts';
import { assignServerIds } from '../src/core/dataplane/server-ids.ts';
import { RulesetMemory, wantedSteps } from '../src/core/dataplane/wanted-ruleset.ts';
import type { DesiredDataplane, DesiredServer, ServerState } from '../src/core/model/dataplane.ts';
import { KernelTables } from '../src/drivers/dataplane/kernel-tables.ts';
import { NftablesDataplane } from '../src/drivers/dataplane/nftables.ts';
import { inSlices } from '../src/drivers/dataplane/slices.ts';
import { exec } from '../src/io/exec.ts';
import { nftApply } from '../src/io/nft.ts';
import type { Measured } from './nftables-apply.ts';

const SERVERS = 10;
const FIRST_VIP = ipv4('203.0.113.0');
const FIRST_SERVER = ipv4('10.2.0.1');

/** `state`: of the first service's first server; all others are up. */
function dataplane(services: number, state: ServerState): DesiredDataplane {
  const server = (service: number, index: number): DesiredServer => ({
    name: `r${index}`,
    address: FIRST_SERVER + service * SERVERS + index,
    weight: 1,
    state: service === 0 && index === 0 ? state : 'up',
  });
  return {
    upstream: ['eth1', 'eth2'],
    services: Array.from({ length: services }, (_, i) => ({
      name: `service${i}`,
      vips: [FIRST_VIP + i],
      ports: [80],
      protocol: 'tcp' as const,
      servers: Array.from({ length: SERVERS }, (_server, index) => server(i, index)),
    })),
  };
}

/** What the driver would give to `nft -f -` now. */
async function textTo(desired: DesiredDataplane, tables: KernelTables): Promise<readonly string[]> {
  const { tables: found } = await tables.read();
  const ids = assignServerIds(desired, found, new Map());
  const wanted = await inSlices(wantedSteps(desired, ids, found, new RulesetMemory()));
  return inSlices(transactionSteps(await inSlices(planSteps(wanted, found))));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** Time of `work`, and the longest that a timer of one millisecond was late meanwhile. */
async function watched(work: () => Promise<unknown>): Promise<{ time: number; stall: number }> {
  await sleep(2);
  let [last, stall] = [performance.now(), 0];
  const look = () => {
    const now = performance.now();
    stall = Math.max(stall, now - last - 1);
    last = now;
  };
  const timer = setInterval(look, 1);
  const time = await timed(work);
  look();
  clearInterval(timer);
  return { time, stall };
}

type Samples = { -readonly [Name in keyof Measured]: number[] };

async function round(driver: NftablesDataplane, tables: KernelTables, services: number, into: Samples): Promise<void> {
  const [up, down] = [dataplane(services, 'up'), dataplane(services, 'down')];
  await driver.apply(up);
  const noChange = await watched(() => driver.apply(up));
  const counters = await watched(() => driver.counters());
  const serverDown = await watched(() => driver.apply(down));
  await driver.apply(up);
  const text = await textTo(down, tables);
  into.bareServerDown.push(await timed(() => nftApply(text)));
  into.listing.push(await timed(() => exec(['nft', '-j', 'list', 'table', 'ip', DATA_TABLE])));
  into.noChange.push(noChange.time);
  into.counters.push(counters.time);
  into.serverDown.push(serverDown.time);
  into.stall.push(Math.max(noChange.stall, counters.stall, serverDown.stall));
}

async function main(services: number, rounds: number): Promise<void> {
  const driver = new NftablesDataplane();
  const tables = new KernelTables();
  await driver.open();
  const samples = (): Samples => ({
    noChange: [],
    counters: [],
    listing: [],
    serverDown: [],
    bareServerDown: [],
    stall: [],
  });
  await round(driver, tables, services, samples());
  const measured = samples();
  for (let n = 0; n < rounds; n++) await round(driver, tables, services, measured);
  process.stdout.write(`${JSON.stringify(measured)}\n`);
  tables.close();
  await driver.close();
}

await main(Number(process.argv[2]), Number(process.argv[3]));
