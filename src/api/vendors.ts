/** Whose configuration can be written; apart from the rest, so that `--help` loads nothing else. */
export { VENDORS } from '../core/upstream/words.ts';
