import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { Credential } from '../credentials.js';
import { withAccess } from './git-access.js';
import { environment, type GitAccess, trustedGit } from './trusted-git.js';

const PASSWORD: Credential = {
  kind: 'basic',
  username: 'robot',
  secret: "pa$$'word",
  hosts: ['git.example.org'],
};
const KEY: Credential = { kind: 'ssh-key', secret: 'PRIVATE KEY' };

function access(uri: string, credential: Credential | null): Promise<GitAccess> {
  return withAccess({ uri, credential, knownHosts: '/known' }, async (given) => given);
}

/** What git would be told by the helpers for that address. */
function filled({ config, env }: GitAccess, host: string): string {
  const args = ['credential.helper=', ...config].flatMap((setting) => ['-c', setting]);
  return execFileSync('git', [...args, 'credential', 'fill'], {
    env: { ...environment(), ...env },
    input: `protocol=https\nhost=${host}\n\n`,
    stdio: ['pipe', 'pipe', 'ignore'],
  }).toString();
}

describe('access of trusted git', () => {
  it('gives a password to the server that it is meant for, and to no other', async () => {
    const given = await access('https://git.example.org/a.git', PASSWORD);
    expect(filled(given, 'git.example.org')).toContain(`username=robot\npassword=${PASSWORD.secret}\n`);
    expect(() => filled(given, 'elsewhere.example.org')).toThrow();
    expect(given.config.join()).not.toContain(PASSWORD.secret);
  });

  it.each(['https://elsewhere.example.org/a', 'https://git.example.org:444/a', 'http://git.example.org/a'])(
    'refuses to send a password to %s',
    async (uri) => {
      await expect(access(uri, PASSWORD)).rejects.toMatchObject({ code: 'refused' });
      await expect(access(uri, { ...PASSWORD, hosts: undefined })).rejects.toMatchObject({ code: 'refused' });
    },
  );

  it('keeps a key in a file of its own, only as long as git runs', async () => {
    const file = await withAccess(
      { uri: 'git@host:a', credential: KEY, knownHosts: '/known' },
      async ({ env }) => {
        const path = /IdentityFile=([^']+)/.exec(env.GIT_SSH_COMMAND ?? '')?.[1] ?? '';
        expect(readFileSync(path, 'utf8')).toBe('PRIVATE KEY\n');
        expect(statSync(path).mode & 0o777).toBe(0o600);
        return path;
      },
    );
    expect(existsSync(file)).toBe(false);
  });

  it('is not told by what git says', async () => {
    const { secret } = await access('https://git.example.org/a.git', PASSWORD);
    const said = { config: [], env: { GIT_DIR: `/nowhere/${PASSWORD.secret}` }, secret };
    const run = { phase: 'fetch' as const, args: ['status'], signal: new AbortController().signal };
    await expect(trustedGit({ ...run, access: said })).rejects.toMatchObject({
      message: expect.stringContaining("'/nowhere/***'"),
      details: { stderr: expect.not.stringContaining(PASSWORD.secret) },
    });
  });

  it('gives nothing where nothing fits', async () => {
    expect(await access('https://git.example.org/a', KEY)).toEqual({ config: [], env: {} });
    expect(await access('git://git.example.org/a', PASSWORD)).toEqual({ config: [], env: {} });
    expect((await access('git@host:a', null)).env.GIT_SSH_COMMAND).toContain('IdentityFile=none');
  });
});
