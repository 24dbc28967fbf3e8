import { DEATHS_ON_IPVS } from '../takeover/second-chance-parts.ts';
import { seriesOfModes } from './series-of-modes.ts';

/** The death of a director whose plane is the kernel's IPVS. */
export const ipvsTakeover = seriesOfModes({
  name: 'ipvs-takeover',
  claim:
    'FullNAT on IPVS: connections of a director that dies go on, whether they were synced or have to be predicted.',
  modes: DEATHS_ON_IPVS,
  connections: 200,
  few: 50,
  alone: true,
});
