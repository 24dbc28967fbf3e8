/**
 * A vtysh that knows what Quagga's does: configuration mode, `show running-config`, `write memory`, and nothing as JSON.
 *
 *   quagga-vtysh-main.js STATE [-d DAEMON] -c COMMAND ...      STATE: the file in which the configuration is kept
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { FakeFrr } from '../../unit/frr/fake-frr.ts';

const [state, ...args] = process.argv.slice(2);
const commands = args.filter((_, at) => args[at - 1] === '-c');
const calls = JSON.parse(readFileSync(state!, 'utf8')) as string[][];
const quagga = new FakeFrr();
// It does not say its version.
quagga.foreign = 'hostname d1\nip route 198.51.100.0/24 Null0\n';
for (const lines of calls) await quagga.configure(lines);

for (const [at, command] of commands.entries()) {
  if (command === 'configure terminal') {
    writeFileSync(state!, JSON.stringify([...calls, commands.slice(at + 1)]));
    break;
  }
  if (command === 'show running-config' || command === 'write memory') {
    process.stdout.write(`${await quagga.show([command])}\n`);
  } else {
    process.stdout.write('% Unknown command.\n');
    process.exitCode = 1;
  }
}
