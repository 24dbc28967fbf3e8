/** Import circles: groups of files each of which leads, import by import, to every other one of its group. */

/** @returns each group sorted, the groups by their first file; a file that imports nothing that leads back is in none */
export function circlesIn(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const circles: string[][] = [];
  // Tarjan, "Depth-first search and linear graph algorithms" (1972).
  const order = new Map<string, number>();
  const path: string[] = [];
  const visit = (file: string): number => {
    const at = order.size;
    order.set(file, at);
    path.push(file);
    let least = at;
    for (const next of imports.get(file) ?? []) {
      if (!order.has(next)) least = Math.min(least, visit(next));
      else if (path.includes(next)) least = Math.min(least, order.get(next)!);
    }
    if (least === at) {
      const circle = path.splice(path.indexOf(file));
      if (circle.length > 1) circles.push(circle.sort());
    }
    return least;
  };
  for (const file of imports.keys()) if (!order.has(file)) visit(file);
  return circles.sort((a, b) => (a[0]! < b[0]! ? -1 : 1));
}
