/**
 * A small part of a product that holds every pair: for any two of its dimensions, any two of their values are together in
 * one cell at least, unless no cell of the product has them together. Most faults of interworking need no third value.
 */
export type Cellular = Readonly<Record<string, string>>;

/** Chosen greedily in the order of `cells`, so the same product gives the same choice. */
export function pairwise<C extends Cellular>(cells: readonly C[]): C[] {
  const open = new Set(cells.flatMap(pairsOf));
  const chosen: C[] = [];
  while (open.size > 0) {
    const gain = (cell: C) => pairsOf(cell).filter((pair) => open.has(pair)).length;
    const gains = cells.map(gain);
    const best = cells[gains.indexOf(Math.max(...gains))]!;
    chosen.push(best);
    for (const pair of pairsOf(best)) open.delete(pair);
  }
  return chosen;
}

/** `router=frr-10 role=dr`, one for every two dimensions of the cell. */
export function pairsOf(cell: Cellular): string[] {
  const values = Object.entries(cell).map(([name, value]) => `${name}=${value}`);
  return values.flatMap((one, index) => values.slice(index + 1).map((other) => `${one} ${other}`));
}
