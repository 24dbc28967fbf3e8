/**
 * IPVS in the kernel: services and destinations read and written by generic netlink. It compares nothing and remembers nothing.
 *
 * In: operations, and which services are worth reading whole. Out: what is there, and which operations were refused.
 */
import type { IpvsOperation, Observed, ObservedService } from '../../../core/dataplane/ipvs/plan.ts';
import { type GenericMessage, NO_ATTRIBUTES, type WriteAttributes } from '../../../core/netlink/generic.ts';
import {
  IPVS_CMD_DEL_DEST,
  IPVS_CMD_DEL_SERVICE,
  IPVS_CMD_GET_CONFIG,
  IPVS_CMD_GET_DEST,
  IPVS_CMD_GET_INFO,
  IPVS_CMD_GET_SERVICE,
  IPVS_CMD_NEW_DEST,
  IPVS_CMD_NEW_SERVICE,
  IPVS_CMD_SET_CONFIG,
  IPVS_CMD_SET_DEST,
  IPVS_CMD_SET_SERVICE,
} from '../../../core/netlink/ipvs/codes.ts';
import { decodeDestination, encodeDestination, encodeDestinationKey } from '../../../core/netlink/ipvs/destination.ts';
import {
  type CountedService,
  decodeService,
  encodeService,
  encodeServiceKey,
  type IpvsServiceKey,
  serviceKeyText,
} from '../../../core/netlink/ipvs/service.ts';
import {
  decodeInfo,
  decodeTimeouts,
  encodeTimeouts,
  type IpvsInfo,
  type IpvsTimeouts,
} from '../../../core/netlink/ipvs/settings.ts';
import type { GenericFamily } from '../../../io/generic-netlink.ts';
import type { IpvsFile } from '../../../io/ipvs-file.ts';

/** A service as it was found, with its counters. */
export interface FoundService extends ObservedService, CountedService {}

export interface IpvsReading {
  /** Ours, with their destinations. */
  readonly services: ReadonlyMap<string, FoundService> & Observed;
  /** Texts of the keys of all others. */
  readonly foreign: readonly string[];
}

export interface RefusedOperation {
  readonly operation: IpvsOperation;
  readonly errno: string;
}

export class IpvsKernel {
  readonly #family: GenericFamily;
  readonly #file: IpvsFile;

  constructor(family: GenericFamily, file: IpvsFile) {
    this.#family = family;
    this.#file = file;
  }

  /** Has the kernel load its module. @throws KernelError `genl-family` (`ENOENT` where there is none), `ipvs-info` */
  async info(): Promise<IpvsInfo> {
    return this.#family.get('ipvs-info', message(IPVS_CMD_GET_INFO), decodeInfo);
  }

  async timeouts(): Promise<IpvsTimeouts> {
    return this.#family.get('ipvs-timeouts', message(IPVS_CMD_GET_CONFIG), decodeTimeouts);
  }

  /**
   * @param isOurs of the text of a service's key
   * @param counted with what they have counted
   */
  async read(isOurs: (key: string) => boolean, counted = false): Promise<IpvsReading> {
    const all = (await this.services(counted)).map((service) => [serviceKeyText(service.key), service] as const);
    const ours = all.filter(([key]) => isOurs(key));
    const keys = ours.map(([, { key }]) => key);
    const dumps = await this.destinations(keys, counted);
    const services = new Map<string, FoundService>();
    for (const [at, [key, service]] of ours.entries()) {
      // One that is gone by now is seen as such the next time.
      services.set(key, { ...service, destinations: dumps[at] ?? [] });
    }
    return { services, foreign: all.filter(([key]) => !isOurs(key)).map(([key]) => key) };
  }

  /** All services, whosever they are. @param counted with what they have counted @throws KernelError */
  async services(counted = false): Promise<readonly CountedService[]> {
    const decode = (payload: Uint8Array) => decodeService(payload, counted);
    const [dump = []] = await this.#family.dumps('ipvs-services', [message(IPVS_CMD_GET_SERVICE)], decode);
    return dump;
  }

  /** Those of each of these services; `undefined` for one that is not there. @throws KernelError */
  destinations(keys: readonly IpvsServiceKey[], counted = false) {
    const asked = keys.map((key) => about(IPVS_CMD_GET_DEST, key));
    return this.#family.dumps('ipvs-destinations', asked, (payload) => decodeDestination(payload, counted));
  }

  /** The text of all services, until it is asked for again; `undefined` where the kernel shows none. @throws KernelError */
  file(): Promise<Uint8Array | undefined> {
    return this.#file.read();
  }

  /** In order, each by itself: one that is refused keeps no other from being done. @throws KernelError when none can be asked */
  async perform(operations: readonly IpvsOperation[]): Promise<readonly RefusedOperation[]> {
    const refusals = await this.#family.perform('ipvs-apply', operations.map(request));
    return refusals.map(({ index, errno }) => ({ operation: operations[index]!, errno }));
  }

  close(): void {
    this.#family.close();
  }
}

function message(command: number, attributes: WriteAttributes = NO_ATTRIBUTES): GenericMessage {
  return { command, flags: 0, attributes };
}

function about(command: number, key: IpvsServiceKey): GenericMessage {
  return message(command, (w) => encodeServiceKey(w, key));
}

function request(operation: IpvsOperation): GenericMessage {
  switch (operation.kind) {
    case 'add-service':
      return message(IPVS_CMD_NEW_SERVICE, (w) => encodeService(w, operation.service));
    case 'edit-service':
      return message(IPVS_CMD_SET_SERVICE, (w) => encodeService(w, operation.service));
    case 'delete-service':
      return about(IPVS_CMD_DEL_SERVICE, operation.key);
    case 'add-destination':
      return message(IPVS_CMD_NEW_DEST, (w) => encodeDestination(w, operation.key, operation.destination));
    case 'edit-destination':
      return message(IPVS_CMD_SET_DEST, (w) => encodeDestination(w, operation.key, operation.destination));
    case 'delete-destination':
      return message(IPVS_CMD_DEL_DEST, (w) => encodeDestinationKey(w, operation.key, operation.destination));
    case 'set-timeouts':
      return message(IPVS_CMD_SET_CONFIG, (w) => encodeTimeouts(w, operation.timeouts));
  }
}
