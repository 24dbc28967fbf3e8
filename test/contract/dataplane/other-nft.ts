/** Set-up of the suite's second pass: everything that the tests start uses another version of nft than the host's. */
import { nftVersion, pathWith } from './nft-programs.ts';

const own = await nftVersion(process.env['PATH'] ?? '');
const path = await pathWith(own.startsWith('1.0.') ? 'nft-1.1' : 'nft-1.0');
const other = await nftVersion(path);
if (other === own || !/^[\d.]+$/.test(other)) throw new Error(`no other nft than the host's ${own}: ${other}`);
process.env['PATH'] = path;
