/**
 * Director d2 in a process of its own, for another Node. Arguments: the ports where d3 and d4 listen. Prints what it hears, a JSON
 * line each, and sends back what it is sent. Ends with its standard input.
 */
import { D1, Director } from './director.ts';

const [d3, d4] = process.argv.slice(2).map(Number) as [number, number];
const d2 = new Director({
  name: 'd2',
  address: '127.0.0.2',
  peers: [
    D1,
    { name: 'd3', address: '127.0.0.3', port: d3, dial: true },
    { name: 'd4', address: '127.0.0.4', port: d4, dial: true },
  ],
});
d2.onHeard = (heard) => {
  if (heard.kind === 'bytes') d2.mesh.send(heard.peer, heard.bytes);
  else process.stdout.write(`${JSON.stringify(heard)}\n`);
};
process.stdin.on('end', () => process.exit(0)).resume();
