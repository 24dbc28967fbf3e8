/** How a real server is prepared, for users of the product such as the lab. */
export { sourceMacReturnRules } from '../core/realserver/source-mac-return.ts';
