/** The play: what happens to the cluster, in which order, and how long each scene is watched afterwards. */
import type { Lab } from '../runtimes/lab.ts';
import { drain, join } from '../scenarios/acts.ts';
import { untilAnnounced } from '../scenarios/observe.ts';
import { DIRECTORS } from '../scenarios/scenario.ts';
import type { Session } from '../scenarios/session.ts';

export interface Scene {
  /** Short, for the table. */
  readonly name: string;
  /** What the audience reads while it happens. */
  readonly title: string;
  /** Directors that the scene takes away. */
  readonly gone: readonly string[];
  /** Directors that carry traffic once it is over. */
  readonly carriers: readonly string[];
  /** Milliseconds to watch after the event. An idle connection speaks every 8 s: by then all have shown where they are. */
  readonly settle: number;
  readonly act: (stage: Stage) => Promise<void>;
}

export interface Stage {
  readonly lab: Lab;
  readonly session: Session;
}

/** Directors that run when the curtain rises. */
export const FIRST = ['d1', 'd2'] as const;
/** All that appear. */
export const CAST = DIRECTORS;

export const LOAD = { request: 200, idle: 40, push: 40, short: 100, idlePause: 8000 } as const;

export const SCENES: readonly Scene[] = [
  {
    name: 'steady',
    title: 'two directors, nothing happens',
    gone: [],
    carriers: FIRST,
    settle: 10_000,
    act: async () => undefined,
  },
  {
    name: 'd3 joins',
    title: 'a third director joins',
    gone: [],
    carriers: CAST,
    settle: 15_000,
    act: ({ lab, session }) => join(lab, session.routers, 'd3', CAST),
  },
  {
    name: 'd2 drains',
    title: 'd2 is drained, as before an upgrade',
    gone: ['d2'],
    carriers: ['d1', 'd3'],
    settle: 12_000,
    act: ({ lab, session }) => drain(lab, session.routers, 'd2', ['d1', 'd3']),
  },
  {
    name: 'd2 returns',
    title: 'd2 comes back',
    gone: [],
    carriers: CAST,
    settle: 12_000,
    act: async ({ lab, session }) => {
      await lab.api('d2').post('/v1/undrain');
      await untilAnnounced(lab, 'd2');
      await session.routers.untilNextHops(CAST);
    },
  },
  {
    name: 'd3 crashes',
    title: 'd3 crashes: agent killed, all its links cut',
    gone: ['d3'],
    carriers: ['d1', 'd2'],
    // A connection counts as lost after 20 s of silence.
    settle: 24_000,
    act: ({ lab }) => lab.crash('d3'),
  },
];
