/**
 * Every OSPF packet on the directors' links, recorded for a whole run and judged afterwards by somebody else's decoder:
 * tshark names what it finds malformed or wrong in a packet that one of our directors sent.
 *
 * tcpdump and tshark come from the lab's tools root; where it has no tshark the result says so instead of passing.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { rootPath } from '../roots/build.ts';
import type { Capture, Lab } from '../runtimes/lab.ts';
import { addressesOf } from './observe.ts';

export interface CaptureVerdict {
  /** Packets of ours that were decoded. */
  readonly packets: number;
  /** Packets of ours that tshark complains about; null when there was no tshark to ask. */
  readonly malformed: number | null;
  /** One line per complaint. */
  readonly complaints: readonly string[];
}

interface Recording {
  readonly director: string;
  readonly file: string;
  readonly capture: Capture;
}

/** tshark's expert severities: from this one on it is the packet that is wrong, not something worth knowing. */
const COMPLAINTS = '_ws.malformed || _ws.expert.severity >= "Warning"';

export class OspfCapture {
  readonly #recordings: readonly Recording[];
  readonly #tools: string;
  readonly #ours: readonly string[];

  private constructor(recordings: readonly Recording[], tools: string, ours: readonly string[]) {
    this.#recordings = recordings;
    this.#tools = tools;
    this.#ours = ours;
  }

  /** Starts one recording per director, `DIRECTOR.pcap` in `folder`. Throws LabError. */
  static async start(lab: Lab, folder: string): Promise<OspfCapture> {
    const tools = await rootPath('tools');
    const directors = lab.byRole('director');
    const recordings = await Promise.all(directors.map(({ name }) => record(lab, name, folder)));
    const ours = (await Promise.all(directors.map((director) => addressesOf(director)))).flat();
    return new OspfCapture(recordings, tools, ours);
  }

  get files(): readonly string[] {
    return this.#recordings.map(({ file }) => file);
  }

  /** Ends the recordings and lets tshark judge them. */
  async finish(): Promise<CaptureVerdict> {
    await Promise.all(this.#recordings.map(({ capture }) => capture.stop()));
    const verdicts = await Promise.all(this.#recordings.map((recording) => this.#judge(recording)));
    const unknown = verdicts.some(({ malformed }) => malformed === null);
    return {
      packets: verdicts.reduce((sum, { packets }) => sum + packets, 0),
      malformed: unknown ? null : verdicts.reduce((sum, { malformed }) => sum + (malformed ?? 0), 0),
      complaints: verdicts.flatMap(({ complaints }) => complaints),
    };
  }

  async #judge({ director, file }: Recording): Promise<CaptureVerdict> {
    const ours = `ip.src in {${this.#ours.join(', ')}}`;
    const all = await tshark(this.#tools, file, ours);
    const bad = await tshark(this.#tools, file, `(${ours}) && (${COMPLAINTS})`);
    // A wrong checksum is no complaint of tshark's: it only says so in its long form.
    const long = await tshark(this.#tools, file, ours, ['-V']);
    if (all === undefined || bad === undefined || long === undefined)
      return { packets: 0, malformed: null, complaints: [] };
    const wrong = long.filter((line) => /Checksum: 0x\w+ \[incorrect/.test(line));
    const complaints = [...bad, ...wrong].map((line) => `${director}: ${line.trim()}`);
    return { packets: all.length, malformed: complaints.length, complaints };
  }
}

async function record(lab: Lab, director: string, folder: string): Promise<Recording> {
  const file = join(folder, `${director}.pcap`);
  return { director, file, capture: await lab.capture(director, 'any', file, 'ip proto 89') };
}

/** One line per packet that matches the filter (with `-V` many); undefined when tshark cannot be run. Throws LabError if it refuses. */
function tshark(
  tools: string,
  file: string,
  filter: string,
  options: readonly string[] = [],
): Promise<string[] | undefined> {
  if (statSync(file).size === 0) return Promise.resolve([]);
  return new Promise((resolve, reject) => {
    // The file lies outside the root that tshark runs in, so it comes as standard input; a pipe would not do.
    const input = openSync(file, 'r');
    const argv = [tools, 'tshark', '-n', ...options, '-r', '-', '-Y', filter];
    const child = spawn('chroot', argv, { stdio: [input, 'pipe', 'pipe'] });
    closeSync(input);
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', () => resolve(undefined));
    child.on('close', (code) => {
      // 127: chroot found no tshark in the root.
      if (code === 127) resolve(undefined);
      else if (code !== 0) reject(new LabError(`tshark: ${stderr.trim()}`));
      else resolve(stdout.split('\n').filter((line) => line.trim() !== ''));
    });
  });
}
