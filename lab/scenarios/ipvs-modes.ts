import { IPVS_MODES } from '../modes/ipvs/modes.ts';
import { seriesOfModes } from './series-of-modes.ts';

/** Ways in which the IPVS plane forwards, by real packets through guests on a Debian kernel. */
export const ipvsModes = seriesOfModes({
  name: 'ipvs-modes',
  claim:
    'NAT, FullNAT, direct routing, tunnels, SNAT, UDP one by one and SCTP: IPVS serves all, each server by its weight, and drops nothing.',
  modes: IPVS_MODES,
  connections: 200,
  // Emulated machines fill the processors.
  alone: true,
});
