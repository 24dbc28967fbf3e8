/**
 * Something the lab needs is missing, or a step did not come to its end in time. The message names the thing and, where
 * there is one, the package or the command that brings it; the command line prints it without a stack.
 */
export class LabError extends Error {
  override readonly name = 'LabError';
}
