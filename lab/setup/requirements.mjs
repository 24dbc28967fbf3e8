/** What cannot be installed by us: all of it is looked at before anything is said, so that one run tells everything. */
import { existsSync } from 'node:fs';
import { Stop } from './report.mjs';

const OLDEST_NODE = [20, 19];

/**
 * Throws a Stop that lists everything missing. `namespaces`: the command builds network namespaces, for which it needs
 * Linux and root.
 *
 * @param {string} command @param {{ namespaces: boolean }} needs
 */
export function checkRequirements(command, { namespaces }) {
  const missing = [];
  if (!nodeIsRecent()) missing.push(`Node.js ${OLDEST_NODE.join('.')} or later (this is ${process.versions.node})`);
  if (namespaces) missing.push(...missingForNamespaces());
  if (missing.length === 0) return;
  throw new Stop([`npm run ${command} needs:`, ...missing.map((line) => `  - ${line}`)].join('\n'));
}

function missingForNamespaces() {
  if (process.platform !== 'linux')
    return [`Linux (this is ${process.platform}): the lab is made of network namespaces`];
  const missing = [];
  if (process.getuid() !== 0) {
    missing.push('root: it makes network namespaces, veth pairs and nftables rules in them (run it with sudo)');
  }
  if (!existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dpkg-deb')) {
    missing.push('apt-get and dpkg-deb: routers and real servers run from unpacked Debian packages (Debian 12 or 13)');
  }
  return missing;
}

function nodeIsRecent() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
}
