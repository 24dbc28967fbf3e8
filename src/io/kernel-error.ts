/** The system refused: which request, which errno, and the kernel's own words. */
export class KernelError extends Error {
  /** Stable name of what was asked, e.g. `route-replace`, `nft-apply`. */
  readonly request: string;
  /** Errno name such as `EPERM`, when there is one. */
  readonly errno: string | undefined;
  readonly values: Readonly<Record<string, unknown>>;

  constructor(
    request: string,
    details: { readonly errno?: string; readonly text?: string } & Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    const { errno, text, ...values } = details;
    const shown = Object.entries(values).map(([key, value]) => ` ${key}=${String(value)}`);
    super(
      `${request}${shown.join('')}: ${[errno, text].filter((part) => part !== undefined).join(' ') || 'refused'}`,
      options,
    );
    this.name = 'KernelError';
    this.request = request;
    this.errno = errno;
    this.values = values;
  }
}
