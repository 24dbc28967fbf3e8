/**
 * The program as few files: loading two hundred modules one by one takes Node twice as long as everything else between the
 * start of the agent and its first Hello (docs/adr/0018). Built from what tsc has written; not minified, so that a stack trace
 * can be read.
 */
import { defineConfig } from 'rolldown';

export default defineConfig({
  input: { sluice: 'dist/src/bin/sluice.js', 'sync-thread': 'dist/src/agent/sync/thread-main.js' },
  platform: 'node',
  // Native addons find their binaries beside themselves; pino is loaded when the neighbors have heard Hello.
  external: ['dgram-ospf', 'netlink', 'netlink-batch', 'packet-socket', 'pino', 'tun-device'],
  output: {
    dir: 'dist/bundle',
    // As deep as the module that it is made from: the program reads its version from ../../../package.json.
    entryFileNames: 'bin/[name].js',
    chunkFileNames: 'parts/[name].js',
    cleanDir: true,
  },
});
