/** Sends datagrams; which ones is on standard input, as JSON. */
import { readFileSync } from 'node:fs';
import { type Order, sendAll } from './datagrams.ts';

await sendAll(JSON.parse(readFileSync(0, 'utf8')) as readonly Order[]);
