/** The benchmark `nftables-apply` inside its namespace: `SERVICES ROUNDS`. Ends with one JSON line, a `Measured`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DATA_TABLE } from '../src/core/dataplane/names.ts';
import { KernelTables } from '../src/drivers/dataplane/kernel-tables.ts';
import { NftablesDataplane } from '../src/drivers/dataplane/nftables.ts';
import { exec } from '../src/io/exec.ts';
import { nftApply } from '../src/io/nft.ts';
import { dataplane, textTo, timed } from './nftables/change.ts';
import type { Measured } from './nftables-apply.ts';

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
