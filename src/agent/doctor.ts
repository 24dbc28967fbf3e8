/**
 * `sluice doctor`: has this host what the data plane needs? Reads, and writes nothing; there may be an agent or not.
 *
 * In: the kernel of the network namespace that we run in, and what agents have noted in their state folders. Out: a finding per
 * feature, per setting and about the table of connections, each with what to do. Not here: judging (src/core/dataplane).
 */
import { readdir } from 'node:fs/promises';
import { release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { DoctorDocument } from '../api/documents.ts';
import {
  type Finding,
  judgeAccounting,
  judgeConntrack,
  judgeIpvs,
  judgeNft,
  judgeSysctl,
  judgeTun,
} from '../core/dataplane/findings.ts';
import { type ChangedSysctl, decodeChanges, IPVS_SYSCTLS } from '../core/dataplane/sysctls.ts';
import { examineFeatures } from '../drivers/dataplane/features.ts';
import { readSysctls } from '../drivers/dataplane/sysctls.ts';
import { thisHost } from '../io/boot.ts';
import { nftVersion } from '../io/nft.ts';
import { stateFile } from '../io/state-file.ts';
import { listSysctls, readSysctl } from '../io/sysctl.ts';
import { tunRefusal } from '../io/tun-device.ts';
import { SYSCTLS_FILE } from './memory/sysctl-memory.ts';

/** `stateDir`: where agents have their folders. @throws KernelError without permission to ask */
export async function examineHost(stateDir: string): Promise<DoctorDocument> {
  const version = await nftVersion();
  const hasSettings = await hasIpvsSettings();
  const findings: readonly Finding[] = [
    judgeNft(version),
    ...(version === undefined ? [] : await examineFeatures()),
    judgeTun(tunRefusal()),
    judgeIpvs(hasSettings),
    ...(await examineSysctls(stateDir, hasSettings)),
    ...(await examineConntrack()),
  ];
  return { met: findings.every(({ verdict }) => verdict !== 'missing'), kernel: release(), findings };
}

/** They come with the module, in every network namespace. */
async function hasIpvsSettings(): Promise<boolean> {
  return (await listSysctls(['net', 'ipv4', 'vs']).catch(() => [])).length > 0;
}

async function examineSysctls(stateDir: string, withIpvs: boolean): Promise<readonly Finding[]> {
  const earlier = await changesOfAgents(stateDir);
  const rules = (await readSysctls(withIpvs ? IPVS_SYSCTLS : [])).map(({ rule, current }) =>
    judgeSysctl(rule, current, earlier, IPVS_SYSCTLS.includes(rule) ? 'dataplane: ipvs' : undefined),
  );
  return [...rules, judgeAccounting(await conntrackSetting('acct'))];
}

async function examineConntrack(): Promise<readonly Finding[]> {
  const [entries, max, buckets] = await Promise.all(['count', 'max', 'buckets'].map(conntrackSetting));
  return judgeConntrack({
    entries: Number(entries),
    max: Number(max),
    buckets: Number(buckets),
    memory: totalmem(),
  });
}

function conntrackSetting(name: string): Promise<string> {
  return readSysctl(['net', 'netfilter', `nf_conntrack_${name}`]);
}

/** Of all directors that have ever run in this network namespace since the boot; none where nothing can be read. */
async function changesOfAgents(stateDir: string): Promise<readonly ChangedSysctl[]> {
  const host = await thisHost();
  const names = await readdir(stateDir).catch(() => []);
  const texts = await Promise.all(
    names.map((name) =>
      stateFile(join(stateDir, name, SYSCTLS_FILE))
        .read()
        .catch(() => undefined),
    ),
  );
  return texts.flatMap((text) => (text === undefined ? [] : decodeChanges(host, text)));
}
