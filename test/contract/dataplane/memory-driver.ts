/** What the benches without packets have in common: the calls of a driver in memory, and who has which address. */
import { type Ipv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { Dataplane } from '../../../src/drivers/dataplane/port.ts';
import type { Bench } from './suite.ts';

const NAMES = new Map([
  [ipv4('10.2.0.21'), 's1'],
  [ipv4('10.2.0.22'), 's2'],
  [ipv4('10.2.0.23'), 's3'],
]);

/** The server that answers from there, as a client would read it. */
export function nameOf(address: Ipv4 | undefined): string {
  return address === undefined ? 'none' : (NAMES.get(address) ?? 'unknown');
}

type DriverCalls = Pick<Bench, 'up' | 'down' | 'guard' | 'isPresent' | 'apply' | 'counters' | 'remove' | 'takeMisses'>;

/** `driver`: the present one, since each restart makes another. */
export function memoryDriver(driver: () => Dataplane): DriverCalls {
  return {
    up: () => driver().open(),
    down: () => driver().close(),
    guard: (desired) => driver().guard(desired),
    isPresent: () => driver().isPresent(),
    apply: (desired) => driver().apply(desired),
    counters: () => driver().counters(),
    remove: () => driver().remove(),
    takeMisses: (lifetime) => driver().takeMisses(lifetime),
  };
}
