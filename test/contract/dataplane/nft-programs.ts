/**
 * nft of other versions than the host's, from root folders of Debian's releases. A program of ours uses whichever `nft` its
 * PATH names first; these are folders for that.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../../../lab/project.ts';
import { ensureRoots, rootPath } from '../../../lab/roots/build.ts';
import { exec } from '../../../src/io/exec.ts';

/** Debian 12 has 1.0.6, Debian 13 has 1.1.3. */
export const NFT_ROOTS = ['nft-1.0', 'nft-1.1'] as const;
export type NftRoot = (typeof NFT_ROOTS)[number];

const FOLDERS = join(projectRoot, 'dist/test/nft');

/** A PATH that begins with a folder whose only program is `nft` of that version. */
export async function pathWith(root: NftRoot): Promise<string> {
  await ensureRoots([root], () => undefined);
  const folder = join(FOLDERS, root);
  await mkdir(folder, { recursive: true });
  const program = `#!/bin/sh\nexec chroot ${await rootPath(root)} /usr/sbin/nft "$@"\n`;
  await writeFile(join(folder, 'nft'), program, { mode: 0o755 });
  return `${folder}:${process.env['PATH']}`;
}

/** `1.0.6` of the `nft` that a PATH names first. */
export async function nftVersion(path: string): Promise<string> {
  const { stdout } = await exec(['env', `PATH=${path}`, 'nft', '--version']);
  return /v([\d.]+)/.exec(stdout)?.[1] ?? stdout;
}
