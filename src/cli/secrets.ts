import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { pairs, several } from './command.js';
import { UsageError } from './exit.js';

/** The options that give secrets, the same for `lease`, `run` and `exec`. */
export interface SecretOptions {
  secret?: string[];
  secretFile?: string[];
}

export function secretOptions(command: Command): Command {
  return command
    .option('--secret <name>', 'secret variable, with its value here; NAME=VALUE shows it to ps', several)
    .option('--secret-file <name=path>', 'secret variable, from a file', several);
}

/**
 * The secrets by name: of our environment, of files less a line break at the end, or as they are said.
 * @throws UsageError for a name that has no value here, and a file that can't be read
 */
export function secrets({ secret = [], secretFile = [] }: SecretOptions): Record<string, string> | undefined {
  if (secret.length + secretFile.length === 0) return undefined;
  const own = secret.map((option) => (option.includes('=') ? option : `${option}=${variable(option)}`));
  const read = Object.entries(pairs(secretFile)).map(([name, path]) => [name, contentOf(path)]);
  return { ...pairs(own), ...Object.fromEntries(read) };
}

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new UsageError(`--secret ${name}: there is no such variable here.`);
  return value;
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new UsageError(`--secret-file: ${(error as Error).message}.`);
  }
}
