/** Prints what `watchLinks` reports, one JSON line per report, until its input ends. Started by `links.test.ts`. */
import { formatIpv4 } from '../../../src/core/base/ipv4.ts';
import { type LinkState, watchLinks } from '../../../src/io/links.ts';

function say(what: string, link: LinkState): void {
  const addresses = link.addresses.map((a) => ` ${formatIpv4(a.address)}/${a.prefixLength}`);
  process.stdout.write(`${what} ${link.name} ${link.up ? 'up' : 'down'} ${link.mtu}${addresses.join('')}\n`);
}

const watch = await watchLinks(
  (link) => say('change', link),
  (error) => process.stdout.write(`error ${error.message}\n`),
);
for (const link of watch.links().values()) say('start', link);
process.stdout.write('ready\n');
process.stdin.once('end', () => watch.close()).resume();
