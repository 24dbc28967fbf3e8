// Builds the addon with node-gyp. Run by npm as the `install` script (`npm ci`, `npm rebuild packet-socket`), or by hand.
//
// node-gyp comes from the npm that runs us, else from the npm beside this Node, else from the PATH. Where the headers of
// this very Node are installed beside it (<prefix>/include/node), they are used, so that nothing is downloaded.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const prefix = dirname(dirname(process.execPath));

/** The command that starts node-gyp, as argv. */
function nodeGyp() {
  const script = [
    process.env.npm_config_node_gyp,
    process.env.npm_execpath && join(dirname(process.env.npm_execpath), '../node_modules/node-gyp/bin/node-gyp.js'),
    join(prefix, 'lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js'),
  ].find((candidate) => candidate && existsSync(candidate));
  return script === undefined ? ['node-gyp'] : [process.execPath, script];
}

/** What to say when the build failed: the missing tools by name, where they can be told. */
function advice() {
  const missing = ['gcc', 'g++', 'make', 'python3'].filter(
    (tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0,
  );
  const why = missing.length === 0 ? 'see the messages above' : `not found: ${missing.join(', ')}`;
  return `packet-socket could not be built (${why}).\nInstall the build tools: apt-get install build-essential python3\nthen: npm rebuild packet-socket`;
}

if (process.platform !== 'linux') {
  console.error('packet-socket works on Linux only');
  process.exit(1);
}
const [command, ...args] = nodeGyp();
const nodedir = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
const result = spawnSync(command, [...args, 'rebuild', '--loglevel=warn', ...nodedir], { cwd: here, stdio: 'inherit' });
if (result.status !== 0) {
  console.error(advice());
  process.exit(1);
}
