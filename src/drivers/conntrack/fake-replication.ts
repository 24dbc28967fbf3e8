/** Connection replication without a kernel, for tests: the real driver over `FakeCtnetlink`. It passes the driver's suite. */
import { FakeCtnetlink } from './fake-ctnetlink.ts';
import { NetlinkReplication } from './replication-netlink.ts';

export class FakeReplication extends NetlinkReplication {
  /** The host: its entries, and the packets that pass. */
  readonly kernel: FakeCtnetlink;

  constructor(kernel = new FakeCtnetlink()) {
    super(kernel.open);
    this.kernel = kernel;
  }
}
