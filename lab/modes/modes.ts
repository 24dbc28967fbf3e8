import { dr } from './dr.ts';
import { internal } from './internal.ts';
import type { Mode } from './mode.ts';
import { nat } from './nat.ts';
import { oneArm } from './one-arm.ts';
import { sharedLip, sharedLipVxlan } from './shared-lip.ts';
import { snat } from './snat.ts';

/** All modes that are played, in the order in which they are told. */
export const MODES: readonly Mode[] = [nat, dr, oneArm, internal, sharedLip, sharedLipVxlan, snat];
