/** What every connection table must do, whoever holds the connections. There is a service `web` on three servers. */
import { describe, expect, test } from 'vitest';
import { ConnectionCounts } from '../../../src/core/dataplane/connection-counts.ts';
import { SERVER_ID_MASK } from '../../../src/core/dataplane/mark.ts';
import { type Connection, flowOfConnection } from '../../../src/core/netlink/conntrack.ts';
import { IPS_ASSURED, TCP_CONNTRACK_CLOSE } from '../../../src/core/netlink/conntrack-codes.ts';
import type { Conntrack } from '../../../src/drivers/conntrack/port.ts';
import { freshPorts, tally } from '../dataplane/suite.ts';

export type Told =
  | { readonly kind: 'changed' | 'destroyed'; readonly connection: Connection }
  | { readonly kind: 'lost' }
  | { readonly kind: 'failed'; readonly message: string };

export interface ConntrackWorld {
  readonly control: Pick<Conntrack, 'deleteOf'> & { assured(): Promise<readonly Connection[]> };
  /** What was told since the last time. Waits until `enough` says so, a few seconds at most. */
  told(enough: (told: readonly Told[]) => boolean): Promise<readonly Told[]>;
  /** New connections to `web` from consecutive source ports: which server answered each. */
  connect(sport: number, count: number): Promise<readonly string[]>;
  /** The client ends these by RST. */
  close(sport: number, count: number): Promise<void>;
  /** Connections that pass through, translated by somebody else, marked above the server ids. */
  connectForeign(sport: number, count: number): Promise<void>;
}

const COUNT = 60;

const connectionsOf = (told: readonly Told[], kind: 'changed' | 'destroyed'): Connection[] =>
  told.flatMap((one) => (one.kind === kind ? [one.connection] : []));

const sportsOf = (connections: Iterable<Connection>): number[] =>
  [...new Set([...connections].map(({ original }) => original.sport))].sort((a, b) => a - b);

const ports = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

/** Other bits of the mark are others' concern. */
const serverIdOf = ({ mark }: Connection): number => mark & SERVER_ID_MASK;

const isAssured = ({ status }: Connection): boolean => (status & IPS_ASSURED) !== 0;

export function conntrackContract(name: string, world: () => ConntrackWorld): void {
  describe(`connection table contract: ${name}`, () => {
    /** What is told when all connections from these ports are assured. */
    const assured = (first: number) =>
      world().told(
        (told) =>
          sportsOf(connectionsOf(told, 'changed').filter(isAssured)).filter((p) => p >= first && p < first + COUNT)
            .length === COUNT,
      );

    test('each connection is told of once both ends have sent, with the id of its server, and is listed', async () => {
      const sport = freshPorts(COUNT);
      const answers = await world().connect(sport, COUNT);
      const told = connectionsOf(await assured(sport), 'changed').filter(isAssured);
      expect(sportsOf(told)).toEqual(ports(sport, COUNT));
      const idOf = new Map(told.map((one) => [one.original.sport, serverIdOf(one)]));
      const ids = ['s1', 's2', 's3'].map(
        (server) => new Set(answers.flatMap((one, i) => (one === server ? [idOf.get(sport + i)] : []))),
      );
      expect(ids.map(({ size }) => size)).toEqual([1, 1, 1]);
      expect(new Set(ids.flatMap((one) => [...one])).size).toBe(3);
      const listed = (await world().control.assured()).filter(({ original }) => original.sport >= sport);
      expect(sportsOf(listed)).toEqual(ports(sport, COUNT));
      for (const one of listed) {
        expect(serverIdOf(one)).toBe(idOf.get(one.original.sport));
        expect(one).toMatchObject({ tcpState: 3, original: { protocol: 6, dport: 80 }, reply: { sport: 80 } });
      }
    });

    test('what is counted is what is open, per server, while connections come and go', async () => {
      const counts = new ConnectionCounts();
      for (const one of await world().control.assured()) counts.changed(flowOfConnection(one));
      const before = [1, 2, 3].map((id) => counts.active(id));
      const sport = freshPorts(COUNT);
      const answers = await world().connect(sport, COUNT);
      for (const one of await assured(sport))
        if (one.kind === 'changed') counts.changed(flowOfConnection(one.connection));
      const opened = ['s1', 's2', 's3'].map((server, i) => before[i]! + (tally(answers)[server] ?? 0));
      expect([1, 2, 3].map((id) => counts.active(id))).toEqual(opened);
      await world().close(sport, COUNT / 2);
      const closings = (told: readonly Told[]) =>
        sportsOf(
          told.flatMap((one) =>
            one.kind === 'destroyed' || (one.kind === 'changed' && one.connection.tcpState === TCP_CONNTRACK_CLOSE)
              ? [one.connection]
              : [],
          ),
        );
      const told = await world().told((all) => closings(all).length === COUNT / 2);
      for (const one of told) {
        if (one.kind === 'changed') counts.changed(flowOfConnection(one.connection));
        else if (one.kind === 'destroyed') counts.destroyed(flowOfConnection(one.connection));
      }
      const left = tally(answers.slice(COUNT / 2));
      expect([1, 2, 3].map((id) => counts.active(id))).toEqual(
        ['s1', 's2', 's3'].map((server, i) => before[i]! + (left[server] ?? 0)),
      );
    });

    test('connections that are not ours are neither told of nor listed', async () => {
      const [sport, own] = [freshPorts(10), freshPorts(COUNT)];
      await world().connectForeign(sport, 10);
      await world().connect(own, COUNT);
      const told = await assured(own);
      expect(sportsOf(connectionsOf(told, 'changed')).filter((p) => p < own)).toEqual([]);
      const listed = await world().control.assured();
      expect(sportsOf(listed).filter((p) => p >= sport && p < sport + 10)).toEqual([]);
    });

    test('all connections of one server are deleted, and only those', async () => {
      const sport = freshPorts(COUNT);
      await world().connect(sport, COUNT);
      await assured(sport);
      const before = await world().control.assured();
      const gone = before.filter((one) => serverIdOf(one) === 2);
      expect(gone.length).toBeGreaterThan(5);
      await world().control.deleteOf(2);
      const told = await world().told((all) => connectionsOf(all, 'destroyed').length >= gone.length);
      expect(new Set(connectionsOf(told, 'destroyed').map(serverIdOf))).toEqual(new Set([2]));
      expect(sportsOf(connectionsOf(told, 'destroyed'))).toEqual(sportsOf(gone));
      const rest = before.filter((one) => serverIdOf(one) !== 2);
      expect(sportsOf(await world().control.assured())).toEqual(sportsOf(rest));
    });
  });
}
