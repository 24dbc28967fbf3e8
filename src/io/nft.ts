/**
 * The `nft` program: checks and transactions, in the network namespace that we run in. Reading goes by netlink
 * (`nftables-netlink.ts`).
 */
import { type ExecResult, exec } from './exec.ts';
import { KernelError } from './kernel-error.ts';

/** Ten times what the largest table needed on a busy machine; nft that takes longer hangs. */
const DEADLINE_MS = 60_000;

async function run(request: string, args: readonly string[], input: string | readonly string[]): Promise<ExecResult> {
  try {
    return await exec(['nft', ...args], { deadline: DEADLINE_MS, input });
  } catch (cause) {
    if (!(cause instanceof KernelError) || cause.errno !== 'ENOENT') throw cause;
    const text = 'the program nft is missing: apt-get install nftables';
    throw new KernelError(request, { errno: 'ENOENT', text }, { cause });
  }
}

function refusal(request: string, result: ExecResult): KernelError {
  const said = result.stderr.trim();
  if (said.includes('Operation not permitted')) {
    return new KernelError(request, { errno: 'EPERM', text: 'needs root, or the capability CAP_NET_ADMIN' });
  }
  const ended = result.signal === undefined ? `exit ${result.code}` : `killed by ${result.signal}`;
  return new KernelError(request, { text: said === '' ? `nft said nothing (${ended})` : said });
}

/** Such as `1.0.6`; `undefined` when there is no such program. */
export async function nftVersion(): Promise<string | undefined> {
  try {
    return /v?(\d+(\.\d+)+)/.exec((await run('nft-version', ['--version'], '')).stdout)?.[1];
  } catch (error) {
    if (error instanceof KernelError && error.errno === 'ENOENT') return undefined;
    throw error;
  }
}

/** nft's own words why it or the kernel would not take `text`; `undefined` when they would. Changes nothing. */
export async function nftRefuses(text: string): Promise<KernelError | undefined> {
  const result = await run('nft-check', ['-c', '-f', '-'], text);
  return result.code === 0 ? undefined : refusal('nft-check', result);
}

/** Performs `text` as one transaction. @throws KernelError `nft-apply`; the kernel then took nothing of it */
export async function nftApply(text: string | readonly string[]): Promise<void> {
  const result = await run('nft-apply', ['-f', '-'], text);
  if (result.code !== 0) throw refusal('nft-apply', result);
}
