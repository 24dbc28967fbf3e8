/**
 * A speaker without a network: what is set is announced at once, unless a test holds the announcement back.
 * It passes the contract suite of the real one, so that the agent's tests may believe it.
 */
import { formatIpv4, type Ipv4 } from '../../core/base/ipv4.ts';
import type { KeysInForce } from '../../core/model/keys.ts';
import type {
  AnnouncedPrefix,
  HelperMode,
  InterfaceConfig,
  InterfaceView,
  LsaView,
  NeighborView,
  OspfRoute,
  TakeOverView,
} from '../../core/ospf/events.ts';
import type { HandOver, Speaker, SpeakerEvent, UpstreamRouter } from './port.ts';

export class FakeSpeaker implements Speaker {
  readonly instance: string;
  /** Set by the test: while true, `set` is remembered and announced by `release()`. */
  hold = false;
  /** Set by the test: who else announces, by VIP. */
  readonly others = new Map<Ipv4, readonly Ipv4[]>();
  /** By interface, as last set. */
  readonly keys = new Map<string, KeysInForce>();
  /** Set by the test: why nothing is known for certain. */
  doubt: string | undefined;
  neighborRows: readonly NeighborView[] = [];
  /** Set by the test: an earlier process is being continued. */
  continued: TakeOverView | undefined;
  helper: HelperMode = 'strict';
  handedOver: HandOver | undefined;
  #wished: readonly AnnouncedPrefix[] = [];
  #announced: readonly AnnouncedPrefix[] = [];
  #routes: readonly OspfRoute[] = [];
  #interfaces: readonly InterfaceConfig[];
  #running = false;
  readonly #listeners: ((event: SpeakerEvent) => void)[] = [];

  constructor(instance: string, interfaces: readonly InterfaceConfig[] = []) {
    this.instance = instance;
    this.#interfaces = interfaces;
  }

  async start(): Promise<void> {
    this.#running = true;
    this.release();
  }

  configure(interfaces: readonly InterfaceConfig[]): void {
    this.#interfaces = interfaces;
  }

  setKeys(interfaceName: string, keys: KeysInForce): void {
    this.keys.set(interfaceName, keys);
  }

  set(prefixes: readonly AnnouncedPrefix[]): void {
    this.#wished = prefixes;
    if (!this.hold) this.release();
  }

  /** The neighbors hear of what was set last. */
  release(): void {
    if (!this.#running || samePrefixes(this.#wished, this.#announced)) return;
    this.#announced = this.#wished;
    this.emit({ kind: 'announced', prefixes: this.#announced });
  }

  /** The network's routes become these. */
  learn(routes: readonly OspfRoute[]): void {
    this.#routes = routes;
    this.emit({ kind: 'routes', routes });
  }

  emit(event: SpeakerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  announced(): readonly AnnouncedPrefix[] {
    return this.#announced;
  }

  unknown(): string | undefined {
    return this.doubt;
  }

  neighbors(): readonly NeighborView[] {
    return this.neighborRows;
  }

  interfaces(): readonly InterfaceView[] {
    return this.#interfaces.map(downView);
  }

  lsdb(): readonly LsaView[] {
    return [];
  }

  upstreamView(): readonly UpstreamRouter[] {
    return [];
  }

  routes(): readonly OspfRoute[] {
    return this.#routes;
  }

  otherAnnouncers(vip: Ipv4): readonly Ipv4[] {
    return this.others.get(vip) ?? [];
  }

  counters(): Readonly<Record<string, number>> {
    return {};
  }

  onEvent(listener: (event: SpeakerEvent) => void): void {
    this.#listeners.push(listener);
  }

  helpAs(mode: HelperMode): void {
    this.helper = mode;
  }

  takeOver(): TakeOverView | undefined {
    return this.continued;
  }

  /** What was announced stays announced: only the next process may change it. */
  async handOver(request: HandOver): Promise<void> {
    this.#running = false;
    this.handedOver = request;
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    const had = this.#announced.length > 0;
    this.#announced = [];
    if (had) this.emit({ kind: 'announced', prefixes: [] });
    if (this.#routes.length > 0) this.learn([]);
  }
}

const NO_AUTHENTICATION: InterfaceView['authentication'] = {
  algorithm: 'none',
  keyId: undefined,
  accepts: [],
  standing: 'valid',
  migrate: false,
};

/** Without a network no interface ever comes up. */
function downView({ name, network, cost, passive }: InterfaceConfig): InterfaceView {
  const nobody = { designatedRouter: 0, backupDesignatedRouter: 0, neighbors: 0, troubles: [], unnumbered: false };
  const common = { ...nobody, authentication: NO_AUTHENTICATION };
  return { name, state: 'down', network, passive, address: undefined, prefixLength: 0, mtu: 0, cost, ...common };
}

function samePrefixes(a: readonly AnnouncedPrefix[], b: readonly AnnouncedPrefix[]): boolean {
  return a.map(prefixText).sort().join() === b.map(prefixText).sort().join();
}

function prefixText({ prefix, metric, lsa }: AnnouncedPrefix): string {
  return `${formatIpv4(prefix.address)}/${prefix.length} ${metric} ${JSON.stringify(lsa)}`;
}
