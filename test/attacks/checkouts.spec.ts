import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LeaseView, ResourceView } from '../../src/drivers/driver.js';
import { Copies, type HostType } from '../support/copies.js';
import { testEngine } from '../support/docker.js';
import { type GitServer, startGitServer } from '../support/git-server.js';
import { AROUND_IT, GIT, OF_GIT, type Poison, PROOF } from './poisons.js';

/** What ends by other means over SSH than here. */
const RUNNING = AROUND_IT.filter(({ what }) => /process|kept open|home/.test(what));

const hosts: HostType[] = [
  'local-host',
  'ssh-host',
  ...((await testEngine()) ? (['docker-host'] as const) : []),
];

describe.each(hosts)('a checkout on %s is byte for byte a fresh one, after a lease left', (type) => {
  let server: GitServer;
  let copies: Copies;
  let copy: ResourceView;
  let fresh: string[];
  let repositories: Record<string, { uri: string; branch: string }>;
  /** On a copy that was shown to be clean, for the next test to poison. */
  let next: LeaseView | undefined;

  beforeAll(async () => {
    server = await startGitServer();
    await server.commit('app', [
      { branch: 'main', files: { 'readme.txt': 'zeroth\n' } },
      {
        branch: 'main',
        files: {
          'readme.txt': 'first\n',
          '.gitignore': 'ignored\n',
          'tool.sh': { mode: '100755', content: '#!/bin/sh\n' },
          'sub/file.txt': 'file\n',
          link: { mode: '120000', content: 'readme.txt' },
        },
      },
    ]);
    repositories = { src: { uri: server.uri('app', 'git'), branch: 'main' } };
    copies = await Copies.start(type, server);
    fresh = await copies.print(await copies.lease(await copies.build(), repositories));
    copy = await copies.build();
  });

  afterAll(async () => {
    await copies?.stop();
    await server?.stop();
    await rm(PROOF, { force: true });
  });

  const its = ({ on }: Poison) => !on || on.includes(type);
  const poisons = { 'local-host': [...OF_GIT, ...AROUND_IT], 'docker-host': AROUND_IT, 'ssh-host': RUNNING }[
    type
  ];

  it.each(poisons.filter(its))('$what', async ({ script, seen }) => {
    await recycledAfter(async (lease) => {
      await copies.says(lease, `${GIT}\n${script}`);
      if (seen) await copies.says(lease, seen);
      else expect(await copies.print(lease)).not.toEqual(fresh);
    });
    if (seen) await expect(copies.says(await waiting(), seen)).rejects.toThrow();
  });

  it('all of these in what git keeps', async () => {
    await recycledAfter(async (lease) => {
      const scripts = OF_GIT.filter(its).map(({ script }) => `( cd "$here" && ${script}\n) > /dev/null 2>&1`);
      await copies.says(lease, `${GIT}\nhere=$PWD\n${scripts.join('\n')}\ntrue`);
      expect(await copies.print(lease)).not.toEqual(fresh);
    });
  });

  async function recycledAfter(attack: (lease: LeaseView) => Promise<void>): Promise<void> {
    const lease = await waiting();
    next = undefined;
    const attacked = attack(lease);
    await attacked.catch(() => undefined);
    expect(await copies.recycle(lease)).toContain('a new checkout put in place');
    await attacked;
    next = await copies.lease(copy, repositories);
    expect(await copies.print(next)).toEqual(fresh);
    expect(await copies.says(next, 'git status --porcelain; ls -A ..')).toBe('src\n');
    expect(existsSync(PROOF)).toBe(false);
  }

  async function waiting(): Promise<LeaseView> {
    next ??= await copies.lease(copy, repositories);
    return next;
  }
});
