import { PARTITIONS } from '../takeover/partition-parts.ts';
import { seriesOfModes } from './series-of-modes.ts';

/** Of the mesh of directors, while routers and clients notice nothing. */
export const partition = seriesOfModes({
  name: 'partition',
  claim:
    'After a minute without the mesh, with traffic on both sides, all directors know the same, and no connection has ended.',
  modes: PARTITIONS,
  connections: 300,
  few: 100,
  alone: true,
});
