/** The whole suite (`npm test`) sets SLUICE_FUZZ and asks for more of everything; `npm run check` has to be quick. */
export const THOROUGH: boolean = process.env['SLUICE_FUZZ'] !== undefined;
