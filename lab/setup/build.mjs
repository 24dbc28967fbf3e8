/** Dependencies, the native addons and the compiled product. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD_PROGRAMS, installMissing } from './apt.mjs';
import { Stop, step } from './report.mjs';
import { root, run } from './run.mjs';

const INSTALLED = join(root, 'node_modules/.package-lock.json');
const ADDONS = ['dgram-ospf', 'netlink-batch', 'packet-socket', 'tun-device'];

/** `npm ci` when node_modules is missing or older than the lock file. */
export async function installDependencies() {
  if (dependenciesAreCurrent()) return;
  await installMissing(BUILD_PROGRAMS);
  await step('npm ci (dependencies and the native addons)', async () => {
    const { code, output } = await run(['npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error']);
    if (code !== 0) throw new Stop(`npm ci failed:\n${output.trim().slice(-4000)}`, 1);
  });
}

function dependenciesAreCurrent() {
  if (!existsSync(INSTALLED)) return false;
  if (statSync(INSTALLED).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs) return true;
  // A checkout gives the lock file a new date without a new content: compare what was installed.
  return sameVersions(readPackages('package-lock.json'), readPackages('node_modules/.package-lock.json'));
}

function readPackages(file) {
  return JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
}

/** Optional packages for other platforms are locked and not installed: only what is installed is compared. */
function sameVersions(locked, installed) {
  const wanted = Object.entries(locked).filter(([path, entry]) => path !== '' && !entry.optional && !entry.extraneous);
  return wanted.every(([path, { version }]) => path in installed && installed[path].version === version);
}

/** `tsc -b`, always: it looks itself what is out of date; then the bundle. Throws a Stop with the compiler's words. */
export async function compile() {
  await perform('tsc -b', [join(root, 'node_modules/.bin/tsc'), '-b']);
  await perform('rolldown', [join(root, 'node_modules/.bin/rolldown'), '-c', '--log-level', 'warn']);
}

async function perform(name, argv) {
  await step(name, async () => {
    const { code, output } = await run(argv);
    if (code !== 0) throw new Stop(output.trim(), 1);
  });
}

/** Loads each addon once in a process of its own; builds it anew when that fails (another Node, a missing build). */
export async function checkAddons() {
  for (const addon of ADDONS) await checkAddon(addon);
}

async function checkAddon(addon) {
  if ((await loadAddon(addon)).code === 0) return;
  await installMissing(BUILD_PROGRAMS);
  await step(`building the native addon ${addon}`, async () => {
    const build = await run(['npm', 'rebuild', addon, '--loglevel=error']);
    const { code, output } = await loadAddon(addon);
    if (code === 0) return;
    const said = `${build.output}\n${output}`.trim().slice(-3000);
    throw new Stop(`the native addon ${addon} cannot be loaded; it needs a C compiler, make and python3:\n${said}`);
  });
}

function loadAddon(addon) {
  return run([process.execPath, '--input-type=module', '-e', `(await import('${addon}')).load()`]);
}
