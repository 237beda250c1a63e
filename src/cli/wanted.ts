import type { Command } from 'commander';
import type { Schemas } from '../client/client.js';
import { pairs, several } from './command.js';
import { UsageError } from './exit.js';
import { type SecretOptions, secretOptions, secrets } from './secrets.js';

/** The options that say what to lease, the same for `lease` and `run`. */
export interface WantedOptions extends SecretOptions {
  type?: string;
  blueprint?: string[];
  consumer?: string;
  repo?: string[];
  branch?: string;
  tag?: string;
  commit?: string;
  ref?: string;
  submodules?: boolean;
  attributes?: string;
  ttl?: string;
  priority?: string;
  env?: string[];
  note?: string;
}

export function wantedOptions(command: Command): Command {
  return secretOptions(command)
    .option('--type <type>', 'host or working-copy; the latter where --repo is given')
    .option('--blueprint <name>', 'blueprint allowed; again for more', several)
    .option('--consumer <name>', 'who leases, for admins')
    .option('--repo <uri>', 'repository to check out, as URI or DIRECTORY=URI; again for more', several)
    .option('--branch <name>', 'branch of the first repository')
    .option('--tag <name>', 'tag of the first repository')
    .option('--commit <id>', 'commit of the first repository')
    .option('--ref <ref>', 'ref of the first repository')
    .option('--submodules', 'check out the submodules of every repository, and theirs')
    .option('--attributes <json>', 'attributes as JSON, in place of --repo')
    .option('--ttl <duration>', 'life of the lease, such as 1h')
    .option('--priority <n>', 'higher is served first')
    .option('--env <name=value>', 'environment of all its commands; again for more', several)
    .option('--note <text>', 'for people');
}

/** The body of the request. The broker says what is wrong with it, except for what it could not read. */
export function leaseBody(options: WantedOptions): Schemas['LeaseBody'] {
  const { blueprint, consumer, repo = [], ttl, priority, env, note } = options;
  const type = options.type ?? (repo.length > 0 ? 'working-copy' : 'host');
  if (type !== 'host' && type !== 'working-copy') {
    throw new UsageError(`--type must be host or working-copy, not ${type}.`);
  }
  return {
    type,
    consumer,
    blueprints: blueprint,
    attributes: attributes(options, repo),
    ttl,
    priority: priority === undefined ? undefined : Number(priority),
    env: env && pairs(env),
    secrets: secrets(options),
    note,
  };
}

function attributes(options: WantedOptions, repos: string[]): Record<string, unknown> | undefined {
  if (options.attributes !== undefined) return parse(options.attributes);
  if (repos.length === 0) return undefined;
  const { branch, tag, commit, ref, submodules } = options;
  const entries = repos.map((repo, index) => {
    const { directory, uri } = place(repo);
    const first = { branch, tag, commit, ref, default: true };
    return [directory, { uri, submodules, ...(index === 0 && first) }];
  });
  return { repositories: Object.fromEntries(entries) };
}

function parse(json: string): Record<string, unknown> {
  try {
    return JSON.parse(json);
  } catch {
    throw new UsageError('--attributes must be JSON.');
  }
}

/** `DIRECTORY=URI`, or a URI whose last part names the directory, as git clone does. */
function place(repo: string): { directory: string; uri: string } {
  const [, directory, uri] = /^([\w./-]+)=(.+)$/.exec(repo) ?? [];
  if (directory && uri) return { directory, uri };
  const last = repo.replace(/\/+$/, '').split(/[/:]/).at(-1) ?? '';
  return { directory: last.replace(/\.git$/, '') || 'repository', uri: repo };
}
