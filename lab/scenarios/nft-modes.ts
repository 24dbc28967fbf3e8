import { MODES } from '../modes/modes.ts';
import { seriesOfModes } from './series-of-modes.ts';

/** Every way in which the nftables plane forwards, in a network of the kind that it is for. */
export const nftModes = seriesOfModes({
  name: 'nft-modes',
  claim:
    'Every mode of the nftables plane serves all connections, each server by its weight, and no packet of theirs is dropped.',
  modes: MODES,
  connections: 400,
});
