/** All scenarios, in the order in which `lab run` without a name would tell about them. */
import { agentRestart } from './agent-restart.ts';
import { seriesOfAll } from './all.ts';
import { crashScenario } from './crash.ts';
import { frrRestart } from './frr-restart.ts';
import { gracefulRestart } from './graceful-restart.ts';
import { holdLink } from './hold-link.ts';
import { ipvsModes } from './ipvs-modes.ts';
import { ipvsTakeover } from './ipvs-takeover.ts';
import { nftModes } from './nft-modes.ts';
import { order } from './order.ts';
import { ospfInterop } from './ospf-interop.ts';
import { partition } from './partition.ts';
import { scaleIn } from './scale-in.ts';
import { scaleOut } from './scale-out.ts';
import type { Scenario, Series } from './scenario.ts';
import { secondChance } from './second-chance.ts';
import { steady } from './steady.ts';
import { takeover } from './takeover.ts';
import { transit } from './transit.ts';

export const SCENARIOS: readonly Scenario[] = [
  steady,
  scaleOut,
  scaleIn,
  crashScenario,
  agentRestart,
  gracefulRestart,
  order,
  transit,
  holdLink,
  frrRestart,
];

const PARTS: readonly Series[] = [ospfInterop, nftModes, ipvsModes, ipvsTakeover, takeover, secondChance, partition];

export const SERIES: readonly Series[] = [...PARTS, seriesOfAll(SCENARIOS, PARTS)];

/** The scenario of that name, if there is one. */
export function findScenario(name: string): Scenario | undefined {
  return SCENARIOS.find((scenario) => scenario.name === name);
}

/** The series of that name, if there is one. */
export function findSeries(name: string): Series | undefined {
  return SERIES.find((series) => series.name === name);
}
