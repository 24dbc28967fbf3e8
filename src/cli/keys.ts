/** `sluice keys`: the file of the sync channel's keys. Secrets go into the file and nowhere else. */
import { formatFault } from '../api/check.ts';
import {
  type ClusterKeyDocument,
  makeClusterKeys,
  type RotationStep,
  rotateClusterKeyFile,
  showClusterKeys,
} from '../api/cluster-keys.ts';
import type { JsonOption } from './config.ts';
import { type CliContext, Exit } from './context.ts';
import { table } from './render/text.ts';
import { asJson } from './show.ts';

export async function makeKeys(context: CliContext, file: string, { json }: JsonOption): Promise<number> {
  let keys: readonly ClusterKeyDocument[];
  try {
    keys = await makeClusterKeys(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') return unusable(context, `cannot write ${file}: ${message}`);
    context.complain(`${file} is there already and stays as it is; \`sluice keys rotate\` brings a new key into it`);
    return Exit.refused;
  }
  const next = `copy it to every director, readable by root only, and write keys: { file: ${file} } into the cluster file`;
  context.out(
    json === true ? `${asJson({ file, keys, next })}\n` : `${renderKeys(keys)}\n\n${file} is made\nNext: ${next}.\n`,
  );
  return Exit.done;
}

export async function showKeys(context: CliContext, file: string, { json }: JsonOption): Promise<number> {
  const { keys, faults, warnings, missing } = await showClusterKeys(file);
  if (json === true) context.out(`${asJson({ file, keys, faults, warnings })}\n`);
  else if (faults.length > 0) context.out(faults.map((fault) => `${formatFault(file, fault)}\n`).join(''));
  else context.out([renderKeys(keys), ...warnings].map((line) => `${line}\n`).join(''));
  if (missing) return Exit.usage;
  return faults.length === 0 ? Exit.done : Exit.refused;
}

export async function rotateKeys(context: CliContext, file: string, { json }: JsonOption): Promise<number> {
  let rotated: Awaited<ReturnType<typeof rotateClusterKeyFile>>;
  try {
    rotated = await rotateClusterKeyFile(file);
  } catch (error) {
    return unusable(context, `cannot rotate ${file}: ${(error as Error).message}`);
  }
  if ('faults' in rotated) {
    const { faults } = rotated;
    context.out(
      json === true ? `${asJson({ file, faults })}\n` : faults.map((one) => `${formatFault(file, one)}\n`).join(''),
    );
    return Exit.refused;
  }
  const { done, keys } = rotated;
  const { what, next } = describe(done);
  if (json === true) context.out(`${asJson({ file, ...done, keys, next })}\n`);
  else context.out(`${renderKeys(keys)}\n\n${what}\nNext: ${next}\n`);
  return Exit.done;
}

function unusable(context: CliContext, message: string): number {
  context.complain(message);
  return Exit.usage;
}

function renderKeys(keys: readonly ClusterKeyDocument[]): string {
  const rows = keys.map(({ id, role, bits, fingerprint }) => [id, role, String(bits), fingerprint]);
  return table(['KEY', 'ROLE', 'BITS', 'FINGERPRINT'], rows, ['BITS']);
}

const EVERYWHERE = 'copy the file to every director and run `sluice reload` there.';

function describe(done: RotationStep): { readonly what: string; readonly next: string } {
  const again = `${EVERYWHERE} When all have it, run this again`;
  if (done.step === 'added') {
    return {
      what: `step 1 of 3: key ${done.id} is new, and only accepted`,
      next: `${again} to open streams with key ${done.id}.`,
    };
  }
  if (done.step === 'activated') {
    const what = `step 2 of 3: streams are opened with key ${done.id}, and key ${done.before} is only accepted`;
    return { what, next: `${again} to remove key ${done.before}.` };
  }
  const ids = done.ids.join(', ');
  const what = `step 3 of 3: key ${ids} is removed`;
  return {
    what,
    next: `${EVERYWHERE} Streams that were opened with key ${ids} are opened anew then, each in a moment.`,
  };
}
