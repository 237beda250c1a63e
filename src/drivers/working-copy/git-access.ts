import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Credential } from '../credentials.js';
import { DriverError } from '../driver.js';
import { quote } from '../posix/quote.js';
import type { GitAccess } from './trusted-git.js';

interface AccessRequest {
  uri: string;
  credential: Credential | null;
  /** File in which the keys of git servers are kept: the first one seen is trusted, another one after is not. */
  knownHosts: string;
}

/**
 * Gives git the credential for as long as `use` runs: a key as a file of the broker's alone, a password by a helper
 * that reads it from git's environment. Neither is ever in a command line or a git configuration.
 * @throws DriverError `refused` where the credential is not meant for that server
 */
export async function withAccess<T>(
  { uri, credential, knownHosts }: AccessRequest,
  use: (access: GitAccess) => Promise<T>,
): Promise<T> {
  if (/^https?:/.test(uri)) return use(credential?.kind === 'basic' ? passwordAccess(uri, credential) : NONE);
  if (/^(git|file):|^\//.test(uri)) return use(NONE);
  if (credential?.kind !== 'ssh-key') return use(sshAccess(knownHosts, 'none'));
  const directory = await mkdtemp(join(tmpdir(), 'berth-key-'));
  try {
    const file = join(directory, 'key');
    await writeFile(file, `${credential.secret.trimEnd()}\n`, { mode: 0o600 });
    return await use({ ...sshAccess(knownHosts, file), secret: credential.secret });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const NONE: GitAccess = { config: [], env: {} };

function sshAccess(knownHosts: string, key: string): GitAccess {
  const options = [
    `IdentityFile=${key}`,
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'BatchMode=yes',
    'ForwardAgent=no',
    'StrictHostKeyChecking=accept-new',
    `UserKnownHostsFile="${knownHosts}"`,
    'GlobalKnownHostsFile=/dev/null',
    'ConnectTimeout=15',
  ];
  const command = ['ssh', '-F', '/dev/null', ...options.flatMap((option) => ['-o', option])];
  return { config: [], env: { GIT_SSH_COMMAND: command.map(quote).join(' ') } };
}

const HELPER =
  '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$BERTH_GIT_USERNAME" "$BERTH_GIT_PASSWORD"; }; f';

/** Bound to the origin of the address, so that a redirection to another server does not take it along. */
function passwordAccess(uri: string, credential: Credential): GitAccess {
  const { origin, host, protocol } = new URL(uri);
  if (protocol !== 'https:' || !credential.hosts?.includes(host)) {
    throw new DriverError('refused', `The git credential is not meant for ${origin}.`);
  }
  return {
    config: [`credential.${origin}.helper=${HELPER}`],
    env: { BERTH_GIT_USERNAME: credential.username ?? 'git', BERTH_GIT_PASSWORD: credential.secret },
    secret: credential.secret,
  };
}
