/**
 * The administrative state of links: the one thing about an interface that the agent may change. Adapters: `rtnetlink.ts`
 * and `fake.ts`; both pass the same contract suite (test/contract/links).
 */
export interface LinkControl {
  /** Administratively up, with a carrier or without; undefined when there is no such link. */
  isEnabled(name: string): Promise<boolean | undefined>;
  /** Sets the link up or down; nothing happens if it is. @throws KernelError (`ENODEV`: no such link, `EPERM`) */
  enable(name: string, up: boolean): Promise<void>;
  /**
   * The default routes of table main that lead somewhere and are not ours: for each the interfaces that it leads through.
   */
  defaultRoutes(): Promise<readonly (readonly string[])[]>;
}
