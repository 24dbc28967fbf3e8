/**
 * UDP at a steady rate, and its echo: how many packets an event costs.
 *
 *   echo-main.js server PORT
 *   echo-main.js client ADDRESS PORT RATE      until SIGTERM, then one JSON line: { "sent": N, "received": N }
 */
import { createSocket } from 'node:dgram';

const TICK = 5;
/** Milliseconds to wait for the last echoes. */
const LINGER = 500;

function serve(port: number): void {
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  socket.bind(port);
}

function ask(address: string, port: number, rate: number): void {
  const socket = createSocket('udp4');
  let sent = 0;
  let received = 0;
  socket.on('message', () => {
    received++;
  });
  // Refused, unreachable: those packets are lost, which is what is counted.
  socket.on('error', () => undefined);
  const started = performance.now();
  const payload = Buffer.alloc(32);
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - started) * rate) / 1000);
    for (; sent < due; sent++) socket.send(payload, port, address, () => undefined);
  }, TICK);
  process.on('SIGTERM', () => {
    clearInterval(timer);
    setTimeout(() => {
      process.stdout.write(`${JSON.stringify({ sent, received })}\n`, () => process.exit(0));
    }, LINGER);
  });
}

const [role, ...args] = process.argv.slice(2);
if (role === 'server') serve(Number(args[0]));
else if (role === 'client') ask(args[0]!, Number(args[1]), Number(args[2]));
else process.exitCode = 2;
