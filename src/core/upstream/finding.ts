/** What is amiss in a router's running configuration. */
export interface Finding {
  /** `advice` alone is no reason to refuse. */
  readonly severity: 'dangerous' | 'missing' | 'advice';
  /** Counted from 1: the line that is wrong, or the head of the block that lacks one; null = of no line. */
  readonly line: number | null;
  readonly found: string;
  readonly consequence: string;
  /** Lines to put in, in their order, beginning with the block that they belong into. */
  readonly add: readonly string[];
}
