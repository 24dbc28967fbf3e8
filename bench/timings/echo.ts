/** The echo of `echo-main.ts` in the lab: a server behind the director, a client beside the router. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { LabNode } from '../../lab/runtimes/lab.ts';
import { ECHO } from './files.ts';
import { script } from './plan.ts';

const RATE = 1000;

function inNode(node: LabNode, args: readonly string[]): ChildProcess {
  const argv = ['netns', 'exec', node.netns, process.execPath, script('echo-main'), ...args];
  return spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Returns how to end it. */
export function serveEcho(server: LabNode): () => void {
  const child = inNode(server, ['server', String(ECHO.port)]);
  return () => void child.kill('SIGTERM');
}

export interface EchoCount {
  readonly sent: number;
  readonly received: number;
}

/** 1,000 packets a second from a node to a VIP until `during` is over. */
export async function countEchoes(from: LabNode, vip: string, during: () => Promise<void>): Promise<EchoCount> {
  const child = inNode(from, ['client', vip, String(ECHO.port), String(RATE)]);
  let said = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  try {
    await during();
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
  return JSON.parse(said) as EchoCount;
}
