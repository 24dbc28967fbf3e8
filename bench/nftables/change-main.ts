/**
 * A tenth of a service's slots is rewritten again and again, beside other services: `OTHER-SERVICES ROUNDS`. Runs in a
 * namespace of its own, ends with one JSON line, a `ChangeReport`.
 */
import { KernelTables } from '../../src/drivers/dataplane/kernel-tables.ts';
import { NftablesDataplane } from '../../src/drivers/dataplane/nftables.ts';
import { nftApply } from '../../src/io/nft.ts';
import { dataplane, textTo, timed } from './change.ts';
import { type LoopDelays, LoopWatch } from './loop-delays.ts';

export interface ChangeReport {
  /** Milliseconds, one per round: by the driver, read back and all, and by bare `nft -f` of the same text. */
  readonly ours: readonly number[];
  readonly bare: readonly number[];
  /** Of the event loop while the driver was at work. */
  readonly delays: LoopDelays;
}

async function main(others: number, rounds: number): Promise<void> {
  const driver = new NftablesDataplane();
  const tables = new KernelTables();
  await driver.open();
  const [up, down] = [dataplane(others + 1, 'up'), dataplane(others + 1, 'down')];
  const loop = new LoopWatch();
  const watched = async (desired: typeof up) => {
    loop.start();
    const time = await timed(() => driver.apply(desired));
    loop.stop();
    return time;
  };
  await driver.apply(up);
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let round = -1; round < rounds; round++) {
    const change = await watched(down);
    await driver.apply(up);
    const text = await textTo(down, tables);
    const alone = await timed(() => nftApply(text));
    // The driver finds that somebody wrote, and reads everything: not what is measured here.
    await driver.apply(up);
    if (round < 0) loop.forget();
    else {
      ours.push(change);
      bare.push(alone);
    }
  }
  const report: ChangeReport = { ours, bare, delays: loop.delays() };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  tables.close();
  await driver.close();
}

await main(Number(process.argv[2]), Number(process.argv[3]));
