import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { Schemas } from '../client/client.js';
import { type CommonOptions, command, pairs, several } from './command.js';
import { connect } from './connection.js';
import { execute } from './execute.js';
import { exitCodeOfCommand } from './exit.js';
import { type SecretOptions, secretOptions, secrets } from './secrets.js';
import { interruptibly } from './signals.js';

/** The options of one command, the same for `exec` and `run`. */
export interface CommandOptions {
  cwd?: string;
  timeout?: string;
  stdin?: boolean;
}

export function commandOptions(target: Command): Command {
  return target
    .argument('<command...>', 'program and its words, after --')
    .option('--cwd <directory>', 'where it starts, relative to the lease')
    .option('--timeout <duration>', 'it is killed after this time')
    .option('--stdin', 'give it our standard input, to its end');
}

export async function commandBody(argv: string[], options: CommandOptions): Promise<Schemas['CommandBody']> {
  const { cwd, timeout, stdin } = options;
  return {
    // Commander takes `--` away before the first operand only; behind the lease of `exec` it comes with the words.
    argv: argv[0] === '--' ? argv.slice(1) : argv,
    cwd,
    timeout,
    stdin: stdin ? await text(process.stdin) : undefined,
  };
}

interface ExecOptions extends CommonOptions, CommandOptions, SecretOptions {
  env?: string[];
}

export const EXEC = secretOptions(
  commandOptions(command('exec', 'run a command on a lease; ends with its exit code').argument('<lease>')),
)
  .option('--env <name=value>', 'environment; again for more', several)
  .passThroughOptions()
  .action(async (lease: string, argv: string[], options: ExecOptions) => {
    const client = connect(options);
    const own = { secrets: secrets(options), env: options.env && pairs(options.env) };
    const body = { ...(await commandBody(argv, options)), ...own };
    const { json } = options;
    const ended = await interruptibly((signal) => execute(client, lease, body, { json, signal }));
    process.exitCode = exitCodeOfCommand(ended);
  });
