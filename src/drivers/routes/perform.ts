import { formatRouteOp, type RouteOp } from '../../core/routes/plan.ts';

/**
 * Performs what can be performed, in order. Returns the printable operations, or, when all have been tried, throws the
 * first refusal: one route that the kernel does not take must not cost the others.
 */
export async function performAll(
  operations: readonly RouteOp[],
  perform: (operation: RouteOp) => Promise<void>,
): Promise<readonly string[]> {
  const done: string[] = [];
  const failures: unknown[] = [];
  for (const operation of operations) {
    try {
      await perform(operation);
      done.push(formatRouteOp(operation));
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return done;
}
