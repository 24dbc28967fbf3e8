/**
 * Where labs come from.
 *
 * A runtime turns a topology file into nodes and links, starts the routers, the real servers and the directors' agents,
 * and takes all of it down again. There are `netns` (netns.ts) and `qemu`, which differs from it in that directors are guests
 * (guest-node.ts); the file's keys are containerlab's, so that a runtime on a container engine can read the same files.
 */
import type { Lab, UpOptions } from './lab.ts';
import { attachNetns, runningNetns, upNetns } from './netns.ts';

/**
 * Builds a topology (the name of one in `lab/topologies`, or a file) and starts it. Whatever goes wrong is thrown as a
 * LabError, after everything is taken down again.
 */
export function up(topology: string, options: UpOptions = {}): Promise<Lab> {
  return upNetns(topology, options);
}

/** A kept lab by its run id, or the only one there is. Throws a LabError when there is none, or a choice is needed. */
export function attach(runId?: string): Promise<Lab> {
  return attachNetns(runId);
}

/** Run ids of the labs on this machine, with their topology files. */
export function runningLabs(): Promise<readonly { readonly runId: string; readonly topology: string }[]> {
  return runningNetns();
}
