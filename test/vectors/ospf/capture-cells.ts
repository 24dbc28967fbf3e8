/**
 * Makes the files in `cells/`: `node dist/test/vectors/ospf/capture-cells.js [NAME]`, as root. Per cell of cells.ts one lab is
 * run, our agent becomes Full with the router and announces its VIPs, and what the router sends meanwhile is recorded;
 * the router's way of saying that it will restart gracefully (RFC 3623) comes last where it can (FRR 10). Of every kind of
 * packet, and of every type of LSA in an update, the first is kept. Expected values are tshark's, as in capture.ts.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeCell } from '../../../lab/interop/cell-files.ts';
import { type Cell, cellName } from '../../../lab/interop/cells.ts';
import { projectRoot } from '../../../lab/project.ts';
import type { LabNode } from '../../../lab/runtimes/lab.ts';
import { up } from '../../../lab/runtimes/runtime.ts';
import { until } from '../../../lab/runtimes/wait.ts';
import { LsType } from '../../../src/core/ospf/codes.ts';
import { opaqueTypeOf } from '../../../src/core/ospf/lsa/opaque-lsa.ts';
import { formatVectors } from './captured.ts';
import { CELLS, nameOfCell, verifierOf } from './cells.ts';
import { carries, fromRouters, type Recorded, titleOf } from './picks.ts';
import { compareReadings, OURS, Recording, readPackets } from './recording.ts';
import { tsharkReading, tsharkVersion } from './tshark.ts';

const FULL_WITHIN = 30_000;
/** BIRD keeps 5 s between two instances of an LSA of its own. */
const SETTLED_AFTER = 7000;
const GRACE = 3;

async function record(cell: Cell, folder: string, file: string): Promise<void> {
  const lab = await up(await writeCell(cell, folder), { directors: [] });
  try {
    const capture = await lab.capture('d1', 'eth1', file);
    // Before the adjacency, which a change of capabilities would end.
    if (cell.router === 'frr-10') await allowRestart(lab.node('r1'));
    await lab.startDirector('d1');
    await until(`${cellName(cell)} to be Full`, FULL_WITHIN, async () => {
      const [neighbor] = await lab.api('d1').get('/v1/neighbors');
      return neighbor?.state === 'full';
    });
    await sleep(SETTLED_AFTER);
    if (cell.router === 'frr-10') {
      await run(lab.node('r1'), ['-c', 'graceful-restart prepare ip ospf']);
      const recording = new Recording(lab, file, verifierOf(cell));
      await recording.wait('a Grace-LSA', (all) => all.some(isGrace));
    }
    await capture.stop();
  } finally {
    await lab.down();
  }
}

/** Opaque LSAs, and a restart that announces itself. */
async function allowRestart(router: LabNode): Promise<void> {
  const lines = ['configure terminal', 'router ospf', 'capability opaque', 'graceful-restart grace-period 60'];
  await run(
    router,
    lines.flatMap((line) => ['-c', line]),
  );
}

async function run(router: LabNode, words: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await router.exec(['vtysh', ...words]);
  if (code !== 0 || stdout.trim() !== '') throw new Error(`vtysh ${words.join(' ')}: ${stdout}${stderr}`);
}

function isGrace({ packet: { body } }: Recorded): boolean {
  return (
    body.kind === 'lsUpdate' &&
    body.lsas.some(({ header }) => header.type === LsType.opaqueLink && opaqueTypeOf(header.id) === GRACE)
  );
}

/** The first of each kind of packet, of each kind of LSA in an update, and the longest description. */
function choose(recorded: readonly Recorded[]): Recorded[] {
  const chosen = new Set<Recorded>();
  const add = (found: Recorded | undefined) => found !== undefined && chosen.add(found);
  for (const kind of ['hello', 'dbDescription', 'lsRequest', 'lsUpdate', 'lsAck'] as const) {
    const all = recorded.filter(({ packet }) => packet.body.kind === kind);
    add(all[0]);
    if (kind === 'hello' || kind === 'dbDescription') {
      add(all.toSorted((a, b) => b.bytes.length - a.bytes.length)[0]);
    }
  }
  for (const type of Object.values(LsType)) add(recorded.find(({ packet }) => carries(packet.body, type)));
  return recorded.filter((one) => chosen.has(one));
}

async function capture(cell: Cell): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-vectors-'));
  try {
    const file = join(folder, 'cell.pcap');
    await record(cell, join(folder, 'cell'), file);
    const packets = readPackets(file);
    const theirs = await tsharkReading(file);
    const verifier = verifierOf(cell);
    compareReadings(packets, theirs, verifier);
    const chosen = choose(fromRouters(packets, OURS, verifier));
    const vectors = chosen.map((one) => ({
      title: titleOf(one),
      link: cell.role === 'p2p' || cell.role === 'p2mp' ? ('p2p' as const) : ('lan' as const),
      at: one.at - packets[0]!.at,
      source: one.source,
      destination: one.destination,
      replay: false,
      bytes: one.bytes,
      fields: theirs.get(one.frame)!,
    }));
    const heading = [
      `Cell ${cellName(cell)} of the interop matrix, recorded by capture-cells.ts; not to be edited.`,
      `Field values: tshark ${await tsharkVersion()}. The form is described in captured.ts, the key is in cells.ts.`,
    ];
    const target = join(projectRoot, 'test/vectors/ospf/cells');
    mkdirSync(target, { recursive: true });
    writeFileSync(join(target, `${nameOfCell(cell)}.txt`), formatVectors(heading, vectors));
    console.log(`${nameOfCell(cell)}: ${packets.length} packets read alike, ${vectors.length} kept`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const wanted = process.argv[2];
for (const cell of CELLS) if (wanted === undefined || nameOfCell(cell) === wanted) await capture(cell);
