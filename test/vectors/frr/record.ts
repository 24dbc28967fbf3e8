/**
 * Makes the files beside this one: `node dist/test/vectors/frr/record.js`, as root. README.md has the set-up.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../../lab/project.ts';
import { LSA_KINDS } from '../../../src/core/frr/lsdb.ts';
import { type FrrRoot, FrrWorld, until } from '../../contract/routing/frr-world.ts';

const VERSIONS: Readonly<Record<FrrRoot, string>> = { frr: '8.4', 'frr-10': '10.3' };

/** What the director announces, as our speaker configures it, beside things of the operator's. */
const ANNOUNCED = `ip route 198.51.100.0/24 Null0
route-map OPERATOR permit 10
 match interface eth9
exit
route-map SLUICE-outside permit 1
 match tag 1392508929
 set metric 10
 set metric-type type-1
 set tag 7
exit
router ospf
 redistribute static route-map SLUICE-outside
exit
ip route 203.0.113.10/32 Null0 tag 1392508929
`;

function pair(id: number): string {
  return `hostname host${id}
interface eth1
 ip ospf area 0.0.0.0
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 4
exit
interface eth2
 ip ospf area 0.0.0.7
 ip ospf priority ${id - 1}
 ip ospf hello-interval 1
 ip ospf dead-interval 4
exit
interface lo
 ip ospf area 0.0.0.0
 ip ospf passive
exit
router ospf
 ospf router-id 10.255.0.${id}
 timers lsa min-arrival 0
 area 0.0.0.7 nssa
exit
${id === 1 ? ANNOUNCED : ''}`;
}

/** A router as an operator might have it. */
const STOCK = `hostname stock
log stdout informational
interface eth1
 ip ospf area 0.0.0.0
 ip ospf passive
exit
interface eth2
 ip ospf area 0.0.0.0
 ip ospf authentication message-digest
 ip ospf message-digest-key 1 md5 s3cret
exit
interface eth3
 ip ospf area 0.0.0.0
 ip ospf dead-interval 4
 ip ospf hello-interval 1
 ip ospf network point-to-point
exit
router ospf
 ospf router-id 10.255.1.1
 log-adjacency-changes detail
 timers throttle spf 1000 2000 10000
 maximum-paths 2
 mpls-te on
exit
`;

const FOLDER = join(projectRoot, 'test/vectors/frr');
/** Longer than MinLSInterval, and than an election. */
const SETTLED = 12_000;

async function answers(root: FrrRoot): Promise<void> {
  const folder = join(FOLDER, VERSIONS[root]);
  mkdirSync(folder, { recursive: true });
  const world = await FrrWorld.begin(root, '', { config: pair, links: 2 });
  try {
    const full = () => world.d.vtysh('show ip ospf neighbor json').match(/"nbrState":"Full/g)?.length === 2;
    await until('both adjacencies', full, 60_000);
    await new Promise((resolve) => void setTimeout(resolve, SETTLED));
    // What was flushed on the way is shown for up to a minute.
    const isFlushed = () => /"lsaAge": ?3600/.test(world.d.vtysh('show ip ospf database summary json'));
    await until('what was flushed to be gone', () => !isFlushed(), 90_000);
    const names = ['', 'neighbor', 'interface', ...LSA_KINDS.map(({ show }) => `database ${show}`)];
    for (const name of names) {
      const file = name === '' ? 'ospf' : name.replace(' ', '-');
      const said = world.d.vtyshOf('ospfd', `show ip ospf ${name} json`.replace('  ', ' '));
      writeFileSync(join(folder, `${file}.txt`), said);
    }
    writeFileSync(join(folder, 'running-config.txt'), world.d.vtysh('show running-config'));
  } finally {
    await world.end();
  }
}

/** What a router shows of these configurations. */
async function routers(root: FrrRoot): Promise<void> {
  const ours = readFileSync(join(projectRoot, 'test/golden/upstream/p2p.frr'), 'utf8');
  for (const [name, text] of [['running', ours] as const, ['running-stock', STOCK] as const]) {
    const world = await FrrWorld.begin(root);
    try {
      await world.r.kill();
      execFileSync('ip', ['netns', 'exec', world.r.netns, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
      world.r.configFile(text);
      await world.r.start();
      writeFileSync(join(FOLDER, `${name}-${VERSIONS[root]}.conf`), world.r.vtysh('show running-config'));
    } finally {
      await world.end();
    }
  }
}

for (const root of Object.keys(VERSIONS) as FrrRoot[]) {
  await answers(root);
  await routers(root);
  console.log(VERSIONS[root]);
}
