/** One watch over the links of this network namespace, shared by the speakers and the import filter. */
import type { LinkSource } from '../drivers/routing/ospf.ts';
import { type LinkState, type LinkWatch, watchLinks } from '../io/links.ts';

export class LinkHub implements LinkSource {
  readonly #listeners = new Set<(link: LinkState) => void>();
  #watch: LinkWatch | undefined;

  /** Throws `KernelError` when the kernel refuses the watch. */
  async open(onError: (error: Error) => void): Promise<void> {
    this.#watch = await watchLinks((link) => {
      for (const listener of [...this.#listeners]) listener(link);
    }, onError);
  }

  links(): ReadonlyMap<string, LinkState> {
    return this.#watch?.links() ?? new Map();
  }

  onChange(listener: (link: LinkState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#watch?.close();
  }
}
