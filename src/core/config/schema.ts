/**
 * The cluster file's shape: every key, its values and its default. What concerns more than one value is in `checks/cross.ts`.
 * Keys and values that are planned but not there yet are named, so that they are refused as such.
 */
import * as v from 'valibot';
import { ALGORITHMS } from '../model/keys.ts';
import { PROTOCOLS } from '../model/protocol.ts';
import { SYNC_PORT } from '../model/sync.ts';
import { SYNC_SCOPES } from '../model/sync-scope.ts';
import { TIMEOUT_STATES, type TimeoutState } from '../model/timeouts.ts';
import { TUNNEL_CHECKSUMS, TUNNEL_TYPES } from '../model/tunnel.ts';
import {
  address,
  addressText,
  areaId,
  choice,
  closed,
  duration,
  endpoint,
  flag,
  gracePeriod,
  helloInterval,
  importRule,
  keysFile,
  macAddress,
  mapOf,
  mappingOr,
  mhSlots,
  neighborAddress,
  none,
  oneOrMany,
  persistenceTime,
  prefix,
  quorum,
  routerId,
  schedulerName,
  seconds,
  serverAddress,
  textOr,
  whole,
  wholeSeconds,
  word,
  yesOrNo,
} from './blocks.ts';

const HOUR = 3_600_000;

/** A draining director announces metric + 60000, and is told from one that serves by it. Stub links have less room. */
const MAX_METRIC = 59_999;

const name = word(
  'a name',
  /^[A-Za-z][A-Za-z0-9_-]{0,30}$/,
  'letters, digits, - and _, at most 31, beginning with a letter',
);
const hostName = word(
  'a director’s name',
  /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/,
  'as a host name: letters, digits, - and ., at most 63',
);
/** IFNAMSIZ is 16 with the final zero; the kernel would take more characters than can be named to `nft`. */
const interfaceName = word(
  'an interface name',
  /^(?!.*[/:"*\\])[!-~]{1,15}$/,
  'at most 15 ASCII characters, no space, / : " * or \\',
);
const port = whole('a port', 1, 65535);

const director = closed({
  routerId,
  interfaces: mapOf(name, interfaceName, 'interface'),
  /** Addresses of its own, beside those of its interfaces. */
  local: v.optional(oneOrMany('address', address)),
  /** Where its peers hand over to it: on the common segment, or the end of its tunnels. */
  handOver: v.optional(address),
  /** Where it takes its peers' connections, and where its own streams to them come from. */
  sync: v.optional(endpoint(SYNC_PORT)),
  /** Of its interfaces towards real servers: by which they, and other directors, know what it sends. */
  mac: v.optional(oneOrMany('MAC address', macAddress)),
  /** By which the real servers of its segment send answers back to it. */
  inside: v.optional(address),
});

const lifecycle = closed({
  holdUp: v.optional(duration(0, HOUR), '10s'),
  drain: v.optional(duration(0, 24 * HOUR), '60s'),
  grace: v.optional(gracePeriod, '120s'),
  /** 30s unless written. */
  syncTimeout: v.optional(duration(0, HOUR)),
});

const auth = closed({
  algorithm: choice(['none', ...ALGORITHMS]),
  keys: v.optional(keysFile),
  migrate: v.optional(yesOrNo, false),
});
const neighbor = textOr(neighborAddress, closed({ address, priority: v.optional(whole('a priority', 0, 255), 1) }));

const routingInterface = closed(
  {
    network: v.optional(choice(['point-to-point', 'broadcast', 'point-to-multipoint', 'nbma']), 'point-to-point'),
    passive: v.optional(yesOrNo, false),
    cost: v.optional(whole('a cost', 1, 65535), 10),
    hello: v.optional(helloInterval, '1s'),
    /** Four times hello unless written; 1s where hello is below a second. */
    dead: v.optional(wholeSeconds),
    priority: v.optional(whole('a priority', 0, 255), 0),
    neighbors: v.optional(oneOrMany('neighbor', neighbor)),
    /** 20s unless written: a router that comes back is to be found soon, and a Hello costs next to nothing. */
    poll: v.optional(duration(1000, HOUR)),
    mtuIgnore: v.optional(yesOrNo, false),
    auth: v.optional(auth),
    holdLink: v.optional(yesOrNo, false),
  },
  ['bfd'],
);

/** `area: ID` is short for `area: { id: ID, type: normal }`. */
const area = mappingOr(
  closed({ id: areaId, type: v.optional(choice(['normal', 'stub', 'nssa']), 'normal') }),
  v.pipe(
    areaId,
    v.transform((id) => ({ id, type: 'normal' as const })),
  ),
);

const instance = closed({
  area,
  announce: v.optional(oneOrMany('class of prefixes', choice(['vip', 'local', 'snat'], ['gateway'])), ['vip']),
  import: v.optional(oneOrMany('prefix', importRule), ['all']),
  interfaces: mapOf(name, routingInterface, 'interface'),
  gracefulRestart: v.optional(closed({ helper: v.optional(choice(['strict', 'lenient', 'off']), 'strict') }), {}),
});

/** An agent has no folder that it could be meant from. */
const absolutePath = word(
  'a file',
  /^\/(?:[^\0\n]{0,4094}[^\0\n/])$/,
  'an absolute path, as /var/log/sluice/mapping.log',
);

/** How the speaker `frr` reaches the FRR that it drives. */
const frr = closed({
  vtysh: v.optional(absolutePath),
  vtyDir: v.optional(absolutePath),
  deadline: v.optional(duration(100, 60_000)),
  announce: v.optional(choice(['external', 'stub'])),
  unverified: v.optional(yesOrNo),
  write: v.optional(choice(['never', 'memory'])),
});

const routing = closed({
  speaker: v.optional(choice(['ospf', 'frr']), 'ospf'),
  frr: v.optional(frr),
  instances: mapOf(name, instance, 'instance'),
});

const connections = whole('a number of connections', 1, 10_000_000);

const server = textOr(
  serverAddress,
  closed({
    address,
    weight: v.optional(whole('a weight', 1, 65535, 'to take a server out of service, drain it'), 1),
    limit: v.optional(connections),
    resume: v.optional(connections),
    /** The director that it is as well. */
    director: v.optional(hostName),
    /** Refused, with a reason for each way of forwarding. */
    port: v.optional(port),
  }),
);

const http = closed(
  {
    path: v.optional(word('a path', /^\/[\x21-\x7e]{0,1023}$/, 'beginning with /, no spaces'), '/'),
    expect: v.optional(whole('a status', 100, 599), 200),
    host: v.optional(word('a host name', /^[A-Za-z0-9.:[\]-]{1,253}$/, 'as sent in the Host header')),
  },
  ['body', 'method', 'headers'],
);

const health = textOr(
  none,
  closed(
    {
      tcp: v.optional(flag()),
      http: v.optional(http),
      port: v.optional(port),
      interval: v.optional(duration(100, HOUR), '2s'),
      timeout: v.optional(duration(10, HOUR), '1s'),
      rise: v.optional(whole('a count', 1, 1000), 2),
      fall: v.optional(whole('a count', 1, 1000), 3),
    },
    ['https', 'tls', 'udp', 'dns', 'smtp', 'ping', 'script'],
  ),
);

const announce = closed({
  min: v.optional(quorum, 1),
  metric: v.optional(whole('a metric', 1, MAX_METRIC, 'a draining director adds 60000'), 10),
  /** `withdraw` unless written; `metric` where there is a sorry server, which would otherwise never be seen. */
  whenDown: v.optional(choice(['withdraw', 'metric', 'keep'])),
  lsa: v.optional(choice(['stub', 'external', 'nssa']), 'stub'),
  /** E1 and 0 unless written; a stub link has neither. */
  metricType: v.optional(choice(['E1', 'E2'])),
  tag: v.optional(whole('a tag', 0, 0xffffffff)),
});

const vxlan = closed({
  id: whole('a VXLAN network identifier', 1, 0xffffff),
  port: v.optional(port, 4789),
  /** What the path between the directors leaves, unless written. */
  mtu: v.optional(whole('an MTU', 576, 65_485)),
});

/** The alias of the interface to a segment that all directors have in common, or tunnels where there is none. */
const handOver = mappingOr(closed({ vxlan }), name);

/** Addresses of all directors together, beside each one's own. */
const local = closed({ shared: v.optional(oneOrMany('address', address)), handOver: v.optional(handOver) });

/** `scheduler: NAME` is short for `scheduler: { name: NAME }`. */
const scheduler = mappingOr(
  closed({ name: schedulerName, slots: v.optional(mhSlots), sourcePort: v.optional(yesOrNo) }),
  v.pipe(
    schedulerName,
    v.transform((name) => ({ name, slots: undefined, sourcePort: undefined })),
  ),
);

/** `true` is the usual time, `false` the same as no word; `persistence: TIME` is short for `persistence: { time: TIME }`. */
const persistence = mappingOr(
  closed({ time: seconds(24 * HOUR), netmask: v.optional(whole('a number of leading bits', 1, 32)) }),
  persistenceTime(24 * HOUR),
);

const tunnel = closed({
  type: v.optional(choice(TUNNEL_TYPES), 'ipip'),
  /** Of GUE; 6080 unless written. */
  port: v.optional(port),
  checksum: v.optional(choice(TUNNEL_CHECKSUMS), 'none'),
});

const STATES: readonly TimeoutState[] = [...TIMEOUT_STATES.tcp, ...TIMEOUT_STATES.udp];
const timeout = v.optional(seconds(30 * 24 * HOUR));
const timeouts = closed(
  Object.fromEntries(STATES.map((state) => [state, timeout])) as Record<TimeoutState, typeof timeout>,
);

const service = closed({
  vip: oneOrMany('address', address),
  /** Given, unless there is a mark. */
  ports: v.optional(oneOrMany('port', port)),
  protocol: v.optional(choice(PROTOCOLS)),
  fwmark: v.optional(whole('a mark', 1, 0xffffffff)),
  forward: v.optional(choice(['nat', 'fullnat', 'dr', 'tun']), 'nat'),
  tunnel: v.optional(tunnel),
  /** Direct routing: the interface towards the servers, and whether flows stay with theirs. */
  via: v.optional(name),
  sticky: v.optional(seconds(24 * HOUR)),
  /** Announced on the servers' side, for clients there. */
  inside: v.optional(yesOrNo, false),
  scheduler: v.optional(scheduler, 'mh'),
  persistence: v.optional(persistence),
  /** Every datagram meets a server by itself. */
  onePacket: v.optional(yesOrNo, false),
  timeouts: v.optional(timeouts),
  servers: mapOf(name, server, 'server'),
  sorry: v.optional(address),
  drain: v.optional(duration(0, 24 * HOUR), '60s'),
  slowStart: v.optional(duration(0, HOUR), '0s'),
  /** `reset` unless written, where connections are kept. */
  whenServerDown: v.optional(choice(['reset', 'keep'])),
  health: v.optional(health),
  announce: v.optional(announce, {}),
  /** `established` unless written; `off` for UDP. */
  sync: v.optional(choice(SYNC_SCOPES)),
});

const snatPool = closed({ from: prefix, pool: oneOrMany('address', address) }, ['gateway']);

export const clusterFile = closed({
  cluster: name,
  /** Of connection sync; without them nothing is synced. */
  keys: v.optional(keysFile),
  directors: mapOf(hostName, director, 'director'),
  lifecycle: v.optional(lifecycle, {}),
  routing,
  dataplane: v.optional(choice(['auto', 'ipvs', 'nftables']), 'auto'),
  vips: v.optional(mapOf(addressText, closed({ require: v.optional(choice(['all', 'any']), 'all') })), {}),
  local: v.optional(local, {}),
  services: mapOf(name, service),
  snat: v.optional(mapOf(name, snatPool), {}),
  /** Who was behind an address of ours. */
  mappingLog: v.optional(closed({ file: absolutePath })),
});

/** The file as written, each value read and every default filled in. */
export type ClusterFile = v.InferOutput<typeof clusterFile>;
