/**
 * Two directors side by side as a lab: d1 carries what the client opens, d2 is told of it over a link of their own. Nothing is
 * announced to anybody, since there is no router: the client knows that d1 has the VIP.
 *
 *   client ── d1 ── inside ── s1, s2
 *      └───── d2 ─────┘
 *             d1 ── d2
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { SYSCTLS } from '../../lab/topologies/generated.ts';

export const VIP = '203.0.113.10';
export const SERVERS = { s1: '10.3.0.21', s2: '10.3.0.22' } as const;
/** Of the link between the directors. */
export const SYNC = { d1: '10.4.0.1', d2: '10.4.0.2' } as const;
export type Director = keyof typeof SYNC;
export const DIRECTORS: readonly Director[] = ['d1', 'd2'];

/** Where a director's cluster file says that the keys are; the lab puts them elsewhere and says so in its copy. */
const KEYS = '/etc/sluice/cluster.keys';

/** Writes the topology and all that it binds into `folder`; returns the topology's path. */
export async function writePair(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  await write('cluster.yml', clusterFile({ synced: false }));
  await write('nginx.conf', NGINX);
  const path = join(folder, 'pair.clab.yml');
  await writeFile(path, stringify(topology()));
  return path;
}

function topology(): unknown {
  const links = [
    ['client:eth1', 'd1:eth1'],
    ['client:eth2', 'd2:eth1'],
    ['d1:eth2', 'd2:eth2'],
    ...['d1:eth3', 'd2:eth3', 's1:eth1', 's2:eth1'].map((end) => [end, `inside:${end.replace(':', '-')}`]),
  ];
  const servers = Object.entries(SERVERS).map(([name, address]) => [name, server(address)]);
  return {
    name: 'pair',
    topology: {
      defaults: { kind: 'linux', sysctls: SYSCTLS },
      nodes: {
        client: {
          labels: { 'sluice.role': 'client' },
          exec: [
            'ip address add 10.1.1.1/30 dev eth1',
            'ip address add 10.1.2.1/30 dev eth2',
            `ip route add ${VIP}/32 via 10.1.1.2`,
          ],
        },
        d1: director(1),
        d2: director(2),
        inside: { kind: 'bridge', labels: { 'sluice.role': 'bridge' } },
        ...Object.fromEntries(servers),
      },
      links: links.map((endpoints) => ({ endpoints })),
    },
  };
}

function director(index: 1 | 2) {
  return {
    labels: { 'sluice.role': 'director', 'sluice.start': 'false' },
    binds: ['cluster.yml:/etc/sluice/cluster.yml:ro'],
    exec: [
      `ip address add 10.1.${index}.2/30 dev eth1`,
      `ip address add ${SYNC[`d${index}`]}/30 dev eth2`,
      `ip address add 10.3.0.${index}/24 dev eth3`,
    ],
  };
}

function server(address: string) {
  return {
    labels: { 'sluice.role': 'server', 'sluice.root': 'nginx' },
    binds: ['nginx.conf:/etc/nginx/nginx.conf:ro'],
    exec: [`ip address add ${address}/24 dev eth1`, 'ip route add default via 10.3.0.1'],
  };
}

/** What both directors read. `synced`: they tell each other of their connections. */
export function clusterFile({ synced }: { readonly synced: boolean }): string {
  const sync = (name: Director) => (synced ? `, sync: ${SYNC[name]}:7171` : '');
  const line = (name: Director, index: number) =>
    `  ${name}: { routerId: 10.255.0.${index + 1}, interfaces: { up0: eth1 }${sync(name)} }`;
  return `cluster: pair
directors:
${DIRECTORS.map(line).join('\n')}
${synced ? `keys: { file: ${KEYS} }\n` : ''}lifecycle: { holdUp: 0s, drain: 1s }
routing:
  speaker: ospf
  instances:
    outside:
      area: 0.0.0.0
      announce: [vip]
      interfaces:
        up0: { network: point-to-point, hello: 1s, dead: 4s }
dataplane: nftables
services:
  web:
    vip: [${VIP}]
    ports: [80]
    protocol: tcp
    forward: nat
    scheduler: mh
    servers: { ${Object.entries(SERVERS)
      .map(([name, address]) => `${name}: ${address}`)
      .join(', ')} }
    health: none
    announce: { metric: 10 }
`;
}

/** As fast as nginx answers: the directors are to be what is waited for. */
const NGINX = `worker_processes 1;
worker_rlimit_nofile 65536;
pid /run/nginx.pid;
error_log stderr crit;
events {
  worker_connections 16384;
}
http {
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server {
    listen 80 backlog=8192;
    location = / {
      return 200 "ok\\n";
    }
  }
}
`;
