/**
 * What a dead director had made of a connection, computed from the client's packet: the real server by the hash of the
 * service, and with FullNAT the local address and port from the blocks that were the dead director's.
 *
 * It may be wrong: the dead director had another view of who is up, or the port was taken when the connection began. So it
 * is asked only where nobody who lives knows the connection, and what becomes of it is watched (`pending-predictions.ts`).
 *
 * In: the data plane as this director wants it, who lives and who died when, and a tuple. Out: a record, or why there is none.
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Instant } from '../../base/machine.ts';
import { type FlowPrediction, flowPredictor, type Predict } from '../../hash/flow-prediction.ts';
import { BLOCK_PORTS } from '../../hash/port-blocks.ts';
import type { DesiredDataplane, DesiredService } from '../../model/dataplane.ts';
import type { MemberView, SyncService } from '../../model/sync.ts';
import type { FlowTuple } from '../records/flow-key.ts';
import {
  type ConnectionRecord,
  Op,
  Protocol,
  RecordFlag,
  readRecord,
  recordsOf,
  TcpState,
  UNKNOWN_WINDOW_SCALE,
} from '../records/record.ts';

/** Seconds that a predicted entry is given; longer only once its server has answered. */
export const PREDICTION_SECONDS = 10;

export interface PredictionBase {
  readonly desired: DesiredDataplane;
  readonly services: readonly SyncService[];
  readonly view: MemberView;
  /** This director's router id: a predicted connection is its own. */
  readonly self: Ipv4;
}

/**
 * Why nothing is predicted.
 *
 * - nobody-dead, several-dead: within the time that a connection of the service lasts unused
 * - by-turns: connections take turns, and no hash says whose it was
 * - no-server, no-block: the dead director would have dropped it
 */
export type NoPrediction = 'nobody-dead' | 'several-dead' | 'by-turns' | 'no-server' | 'no-block';

/** The server that is remembered for a client of a service (`serviceHash`), if any. */
export type Remembered = (service: number, client: Ipv4) => Ipv4 | undefined;

export class Predictor {
  readonly #base: PredictionBase;
  readonly #remembered: Remembered;
  /** By service and dead director; each holds a table of thousands of slots, hence made when it is asked for. */
  readonly #predictors = new Map<string, Predict>();

  constructor(base: PredictionBase, remembered: Remembered) {
    this.#base = base;
    this.#remembered = remembered;
  }

  predict(service: SyncService, tuple: FlowTuple, now: Instant): ConnectionRecord | NoPrediction {
    const desired = this.#base.desired.services.find(({ name }) => name === service.name);
    const dead = this.#base.view.dead.filter(({ since }) => now - since < service.establishedTimeout * 1000);
    if (desired === undefined || dead.length === 0) return 'nobody-dead';
    if (dead.length > 1) return 'several-dead';
    const flow = this.#predictorOf(desired, dead[0]!.name)(tuple.source, tuple.sport, tuple.dport);
    const server = this.#rememberedServer(service, desired, tuple.source) ?? flow.server?.address;
    if (server === undefined) return flow.slot === undefined ? 'by-turns' : 'no-server';
    if (service.fullnat && flow.source === undefined) return 'no-block';
    return this.#record(service, tuple, server, flow.source);
  }

  /** As the dead director would have computed it while it lived. */
  #predictorOf(service: DesiredService, dead: string): Predict {
    const key = `${service.name} ${dead}`;
    const known = this.#predictors.get(key);
    if (known !== undefined) return known;
    const { desired, view } = this.#base;
    const members = [...view.living.map(({ name }) => name), dead];
    const made = flowPredictor({ ...desired, self: dead, members }, service);
    this.#predictors.set(key, made);
    return made;
  }

  #rememberedServer({ service }: SyncService, desired: DesiredService, client: Ipv4): Ipv4 | undefined {
    if (desired.persistence === undefined) return undefined;
    const server = this.#remembered(service, client);
    return desired.servers.find(({ address }) => address === server)?.address;
  }

  #record(service: SyncService, tuple: FlowTuple, server: Ipv4, source: FlowPrediction['source']): ConnectionRecord {
    return {
      client: tuple.source,
      vip: tuple.destination,
      clientPort: tuple.sport,
      vipPort: tuple.dport,
      protocol: tuple.protocol,
      op: Op.put,
      state: tuple.protocol === Protocol.tcp ? TcpState.established : TcpState.none,
      flags: RecordFlag.predicted,
      server,
      local: source?.address ?? tuple.source,
      serverPort: tuple.dport,
      localPort: source?.port ?? tuple.sport,
      service: service.service,
      owner: this.#base.self,
      epoch: 1,
      timeout: PREDICTION_SECONDS,
      windowScale: UNKNOWN_WINDOW_SCALE,
      birth: 0,
    };
  }
}

/**
 * Where the kernel looks next when another connection has the port that a flow gets by its hash (`nf_nat_core.c`: from there on through
 * the range, and from its end to its beginning).
 */
export function atNextPort(prediction: Uint8Array): Uint8Array {
  const value = readRecord(prediction, 0);
  const place = value.localPort % BLOCK_PORTS;
  return recordsOf([{ ...value, localPort: value.localPort - place + ((place + 1) % BLOCK_PORTS) }]);
}
