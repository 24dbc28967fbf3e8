import { PARTS } from '../takeover/parts.ts';
import { seriesOfModes } from './series-of-modes.ts';

/** What connection sync is for. */
export const takeover = seriesOfModes({
  name: 'takeover',
  claim:
    'When directors die, every established connection lives on over the others, whoever speaks on it, in NAT and in FullNAT.',
  modes: PARTS,
  connections: 500,
  few: 100,
  alone: true,
});
