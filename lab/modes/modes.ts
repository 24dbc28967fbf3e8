import { dr } from './dr.ts';
import type { Mode } from './mode.ts';
import { nat } from './nat.ts';

/** All modes that are played, in the order in which they are told. */
export const MODES: readonly Mode[] = [nat, dr];
