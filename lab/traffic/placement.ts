/**
 * Which director carries which long-lived flow. Measured where the packets pass, with a table of the lab's own in each
 * director's namespace: a set that remembers each flow's last packet, and a counter of SYNs. The product's counters and
 * its view of connections play no part, so they can be compared with it.
 *
 * A flow belongs to the director that saw its newest packet. Idle flows keep their last place until they speak again.
 */
import { LabError } from '../lab-error.ts';
import type { LabNode } from '../runtimes/lab.ts';
import { LONG_PORTS } from './ports.ts';

const TABLE = 'sl_probe';
/** Seconds; longer than the longest silence of an idle flow. */
const MEMORY = 60;

/** For each flow (`address:port`) how long ago its last packet passed, milliseconds. */
export type Seen = ReadonlyMap<string, number>;
/** Flow -> director. */
export type Placement = ReadonlyMap<string, string>;

/** What one director's table says. */
export interface ProbeReading {
  readonly seen: Seen;
  /** SYNs for the VIP since the table was made. */
  readonly opened: number;
}

/** Flows whose director changed between two placements. Only flows in both are compared. */
export interface Moves {
  readonly compared: number;
  readonly moved: number;
  /** Moved although their old director is still there: what a router's rehash costs needlessly. */
  readonly movedFromSurvivors: number;
}

/** The table as nft text. It only looks: it runs before connection tracking and accepts everything. */
export function probeRuleset(vip: string): string {
  return `table ip ${TABLE} {
  set seen { type ipv4_addr . inet_service; size 65535; flags dynamic,timeout; timeout ${MEMORY}s; }
  counter opened { }
  chain watch {
    type filter hook prerouting priority -350; policy accept;
    ip daddr ${vip} tcp flags & (syn | ack) == syn counter name opened
    ip daddr ${vip} tcp sport ${LONG_PORTS.low}-${LONG_PORTS.high} update @seen { ip saddr . tcp sport }
  }
}
`;
}

/** Reads `nft list table` text. Milliseconds are only in the text form: the JSON form rounds to seconds. */
export function parseProbe(text: string): ProbeReading {
  const seen = new Map<string, number>();
  for (const [, address, port, expires = ''] of text.matchAll(/([\d.]+) \. (\d+) (?:timeout \S+ )?expires (\w+)/g)) {
    seen.set(`${address}:${port}`, MEMORY * 1000 - milliseconds(expires));
  }
  const opened = /counter opened \{[^}]*?packets (\d+)/.exec(text)?.[1];
  return { seen, opened: Number(opened ?? 0) };
}

/** Reads nft's durations: `1m`, `59s828ms`. */
function milliseconds(text: string): number {
  const units: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  let sum = 0;
  for (const [, number, unit = ''] of text.matchAll(/(\d+)(ms|[dhms])/g)) sum += Number(number) * (units[unit] ?? 0);
  return sum;
}

/** The director that saw a flow's newest packet. */
export function place(readings: ReadonlyMap<string, Seen>): Placement {
  const newest = new Map<string, { director: string; age: number }>();
  for (const [director, seen] of readings) {
    for (const [flow, age] of seen) {
      if (age < (newest.get(flow)?.age ?? Number.POSITIVE_INFINITY)) newest.set(flow, { director, age });
    }
  }
  return new Map([...newest].map(([flow, { director }]) => [flow, director]));
}

/** Compares two placements over the flows named. `gone`: directors that the step took away. */
export function compare(
  before: Placement,
  after: Placement,
  flows: Iterable<string>,
  gone: ReadonlySet<string>,
): Moves {
  let compared = 0;
  let moved = 0;
  let movedFromSurvivors = 0;
  for (const flow of flows) {
    const was = before.get(flow);
    const is = after.get(flow);
    if (was === undefined || is === undefined) continue;
    compared += 1;
    if (was === is) continue;
    moved += 1;
    if (!gone.has(was)) movedFromSurvivors += 1;
  }
  return { compared, moved, movedFromSurvivors };
}

/** The tables of all directors of a lab. */
export class PlacementProbe {
  readonly #directors: readonly LabNode[];

  private constructor(directors: readonly LabNode[]) {
    this.#directors = directors;
  }

  /** Makes the table on each director that has power, whether its agent runs or not. Throws LabError with nft's own words. */
  static async install(directors: readonly LabNode[], vip: string): Promise<PlacementProbe> {
    const powered = directors.filter(({ alive }) => alive);
    for (const director of powered) {
      const { code, stderr } = await director.exec(['nft', '-f', '-'], { input: probeRuleset(vip) });
      if (code !== 0) throw new LabError(`nft refused the probe table on ${director.name}: ${stderr.trim()}`);
    }
    return new PlacementProbe(powered);
  }

  /** One reading per director that has power, all taken at about the same time. */
  async read(): Promise<ReadonlyMap<string, ProbeReading>> {
    const readings = await Promise.all(
      this.#directors
        .filter(({ alive }) => alive)
        .map(async (director): Promise<[string, ProbeReading]> => {
          const { code, stdout, stderr } = await director.exec(['nft', 'list', 'table', 'ip', TABLE]);
          if (code !== 0) throw new LabError(`the probe table on ${director.name} cannot be read: ${stderr.trim()}`);
          return [director.name, parseProbe(stdout)];
        }),
    );
    return new Map(readings);
  }
}

/** The placement in a set of readings. */
export function placementOf(readings: ReadonlyMap<string, ProbeReading>): Placement {
  return place(new Map([...readings].map(([name, reading]) => [name, reading.seen])));
}

/** Each director's share of the new connections between two readings, percent. */
export function shares(
  before: ReadonlyMap<string, ProbeReading>,
  after: ReadonlyMap<string, ProbeReading>,
): ReadonlyMap<string, number> {
  const counts = [...after].map(([name, { opened }]): [string, number] => [
    name,
    opened - (before.get(name)?.opened ?? 0),
  ]);
  const all = counts.reduce((sum, [, opened]) => sum + opened, 0);
  return new Map(counts.map(([name, opened]) => [name, all === 0 ? 0 : (100 * opened) / all]));
}
