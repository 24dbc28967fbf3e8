/** Has IPVS and the tables beside it hold the data plane that stands on standard input, as JSON, and says what that took. */
import { text } from 'node:stream/consumers';
import type { DesiredDataplane } from '../../../src/core/model/dataplane.ts';
import { IpvsDataplane } from '../../../src/drivers/dataplane/ipvs.ts';

const desired = JSON.parse(await text(process.stdin)) as DesiredDataplane;
const dataplane = new IpvsDataplane();
await dataplane.open();
const { operations, programmed, refused = [] } = await dataplane.apply(desired);
await dataplane.close();
process.stdout.write(JSON.stringify({ operations, programmed, refused }));
