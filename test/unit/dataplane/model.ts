/** Small data planes for tests. */
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { DesiredDataplane, DesiredService, ServerState } from '../../../src/core/model/dataplane.ts';

export interface ServerSpec {
  readonly name: string;
  readonly address: string;
  readonly weight?: number;
  readonly state?: ServerState;
  readonly director?: string;
}

export function service(
  name: string,
  servers: readonly ServerSpec[],
  more: Partial<DesiredService> = {},
): DesiredService {
  return {
    name,
    vips: [ipv4('203.0.113.10')],
    ports: [80],
    protocol: 'tcp',
    servers: servers.map((server) => ({
      name: server.name,
      address: ipv4(server.address),
      weight: server.weight ?? 1,
      state: server.state ?? 'up',
      ...(server.director === undefined ? {} : { director: server.director }),
    })),
    ...more,
  };
}

export const THREE: readonly ServerSpec[] = [
  { name: 'r1', address: '10.2.0.21' },
  { name: 'r2', address: '10.2.0.22' },
  { name: 'r3', address: '10.2.0.23' },
];

export function dataplane(...services: readonly DesiredService[]): DesiredDataplane {
  return { services, upstream: ['eth1', 'eth2'] };
}

/** `servers` with one of them in another state. */
export function withState(servers: readonly ServerSpec[], name: string, state: ServerState): readonly ServerSpec[] {
  return servers.map((server) => (server.name === name ? { ...server, state } : server));
}
