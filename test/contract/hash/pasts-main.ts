/**
 * A director's life in the namespace that this runs in, and then flows: what it was wished one after the other and where they go
 * comes as JSON on standard input. Whom they met is in the kernel's table of connections when this has ended.
 */
import { readFileSync } from 'node:fs';
import type { DesiredDataplane } from '../../../src/core/model/dataplane.ts';
import { OWNED_HERE } from '../../../src/drivers/dataplane/ipvs/services.ts';
import { IpvsDataplane } from '../../../src/drivers/dataplane/ipvs.ts';
import { type Order, sendAll } from './datagrams.ts';

export interface Life {
  /** After those with `dies` the agent is another one, which knows what is in its files and no more. */
  readonly wishes: readonly { readonly desired: DesiredDataplane; readonly dies: boolean }[];
  readonly flows: Order;
}

const { wishes, flows } = JSON.parse(readFileSync(0, 'utf8')) as Life;
const services = OWNED_HERE();
let driver = new IpvsDataplane({ services });
for (const { desired, dies } of wishes) {
  await driver.open();
  const { refused = [] } = await driver.apply(desired);
  if (refused.length > 0) throw new Error(refused.join('\n'));
  if (!dies) continue;
  await driver.close();
  driver = new IpvsDataplane({ services });
}
await driver.close();
await sendAll([flows]);
