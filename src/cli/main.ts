/**
 * Runs one command and turns whatever happens into an exit code and, where something went wrong, one line that says what.
 * Output goes through the context; nothing here ends the process.
 */
import { CommanderError } from 'commander';
import { AgentUnreachable, ApiError } from '../api/client.ts';
import { type CliContext, Exit } from './context.ts';
import { buildProgram } from './program.ts';

/** `args` are the words after the program's name. Resolves with the exit code; does not throw. */
export async function runCli(args: readonly string[], version: string, context: CliContext): Promise<number> {
  let code: number = Exit.done;
  const program = buildProgram(context, version, (result) => {
    code = result;
  });
  for (const command of [program, ...program.commands.flatMap((one) => [one, ...one.commands])]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => context.out(text),
      writeErr: (text) => context.complain(text.trimEnd()),
    });
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    return exitCodeOf(error, context);
  }
}

function exitCodeOf(error: unknown, context: CliContext): number {
  // Commander has already said what is wrong, or printed the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.done : Exit.usage;
  if (error instanceof AgentUnreachable) {
    context.complain(`sluice: ${error.message}`);
    return Exit.unreachable;
  }
  if (error instanceof ApiError) {
    context.complain(`sluice: refused: ${error.message}`);
    return Exit.refused;
  }
  context.complain(`sluice: ${error instanceof Error ? error.message : String(error)}`);
  return Exit.usage;
}
