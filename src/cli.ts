import { Command } from 'commander';
import { APPLY } from './cli/apply.js';
import { ARTIFACTS } from './cli/artifacts.js';
import { CP } from './cli/cp.js';
import { DECISIONS } from './cli/decide.js';
import { DOCTOR } from './cli/doctor.js';
import { EVENTS } from './cli/events.js';
import { EXEC } from './cli/exec.js';
import { exitCodeOf, explain } from './cli/exit.js';
import { LEASES } from './cli/leases.js';
import { LISTS } from './cli/lists.js';
import { LOGIN } from './cli/login.js';
import { note } from './cli/output.js';
import { RUN } from './cli/run.js';
import { InterruptedError } from './cli/signals.js';
import { SWEEP } from './cli/sweep.js';
import { UP } from './cli/up.js';
import { UPKEEP } from './cli/upkeep.js';

const COMMANDS = [
  UP,
  APPLY,
  ...LOGIN,
  ...LISTS,
  EVENTS,
  ...DECISIONS,
  ...LEASES,
  EXEC,
  CP,
  ARTIFACTS,
  RUN,
  ...UPKEEP,
  SWEEP,
  DOCTOR,
];

/** The command line: a client of the REST API and nothing else. */
async function main(): Promise<void> {
  const program = new Command('berth')
    .description('Leases on hosts and clean checkouts, from pools that belong to one trust tier each.')
    .enablePositionalOptions();
  for (const command of COMMANDS) program.addCommand(command);
  throwInsteadOfExiting(program);
  try {
    await program.parseAsync();
  } catch (error) {
    for (const line of explain(error)) note(line);
    process.exitCode = error instanceof InterruptedError ? error.exitCode : exitCodeOf(error);
  }
}

/** Commander ends the process with 1 where the arguments are wrong; ours is another code. */
function throwInsteadOfExiting(command: Command): void {
  command.exitOverride();
  for (const subcommand of command.commands) throwInsteadOfExiting(subcommand);
}

// A reader that has seen enough, such as head, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

await main();
