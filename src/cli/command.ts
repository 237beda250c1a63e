import { Command, Option } from 'commander';
import type { ConnectionOptions } from './connection.js';

export interface CommonOptions extends ConnectionOptions {
  json?: boolean;
}

/** A command with the options that all have. */
export function command(usage: string, description: string): Command {
  return new Command(usage)
    .description(description)
    .addOption(new Option('--json', 'print JSON'))
    .addOption(new Option('--url <url>', 'address of the broker (BERTH_URL)'))
    .addOption(new Option('--token <token>', 'token (BERTH_TOKEN)'));
}

/** A command that only has others; it takes no options, or it would take theirs. */
export function group(name: string, description: string): Command {
  return new Command(name).description(description);
}

/** Collects an option that may be given more than once. */
export function several(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** `NAME=VALUE` options as an object. */
export function pairs(options: string[] = []): Record<string, string> {
  return Object.fromEntries(
    options.map((option) => {
      const [name = '', ...value] = option.split('=');
      return [name, value.join('=')];
    }),
  );
}
