import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Credential } from '../../src/drivers/credentials.js';
import type { ResourceView } from '../../src/drivers/driver.js';
import { LocalHostDriver } from '../../src/drivers/local-host/local-host.driver.js';
import { WorkingCopyDriver } from '../../src/drivers/working-copy/working-copy.driver.js';
import { leaseOn, shell, unhurried } from '../contract/driver-contract.js';
import {
  type GitServer,
  type HttpsGitServer,
  startGitServer,
  startHttpsGitServer,
} from '../support/git-server.js';

const PASSWORD = "it's $ecret";

describe('a working copy of a repository behind a password', () => {
  let server: GitServer;
  let https: HttpsGitServer;
  let directory: string;
  const trusted = process.env.GIT_SSL_CAINFO;

  beforeAll(async () => {
    server = await startGitServer();
    https = await startHttpsGitServer(server, `robot:${PASSWORD}`);
    process.env.GIT_SSL_CAINFO = https.certificate;
    directory = await mkdtemp(join(tmpdir(), 'berth-copy-https-'));
    await server.commit('private', [{ branch: 'main', files: { 'readme.txt': 'private\n' } }]);
  });

  afterAll(async () => {
    if (trusted === undefined) delete process.env.GIT_SSL_CAINFO;
    else process.env.GIT_SSL_CAINFO = trusted;
    await https?.stop();
    await server?.stop();
    if (directory) await rm(directory, { recursive: true, force: true });
  });

  it('has it, and shows the lease nothing of the password', async () => {
    const { driver, lease } = await leased({ hosts: [https.host] });
    await driver.activate(lease, unhurried());
    const script = 'cat readme.txt; env; grep -rF ecret ../.. --exclude-dir=objects || echo nothing';
    const said = (await shell(driver, lease, script)).stdout.toString();
    expect(said).toMatch(/^private\n(?!.*BERTH_GIT).*nothing\n$/s);
    expect((await shell(driver, lease, 'git config remote.origin.url')).stdout.toString()).toBe(
      `${https.uri('private')}\n`,
    );
  });

  it('tells that the password is not right', async () => {
    const { driver, lease } = await leased({ hosts: [https.host], secret: 'guessed' });
    await expect(driver.activate(lease, unhurried())).rejects.toMatchObject({
      code: 'failed',
      temporary: false,
      message: expect.stringContaining('Authentication failed'),
      details: { phase: 'clone', exitCode: 128 },
    });
  });

  it('gives no password to a server that it is not meant for', async () => {
    const { driver, lease } = await leased({ hosts: ['git.example.org'] });
    await expect(driver.activate(lease, unhurried())).rejects.toMatchObject({
      code: 'refused',
      message: `The git credential is not meant for https://${https.host}.`,
    });
  });

  it('gives no password over plain HTTP', async () => {
    const { driver, lease } = await leased({ hosts: [https.host] }, `http://${https.host}/private.git`);
    await expect(driver.activate(lease, unhurried())).rejects.toMatchObject({
      code: 'refused',
      message: `The git credential is not meant for http://${https.host}.`,
    });
  });

  async function leased({ hosts, secret = PASSWORD }: { hosts: string[]; secret?: string }, uri?: string) {
    const credential: Credential = { kind: 'basic', username: 'robot', secret, hosts };
    const own = await mkdtemp(join(directory, 'installation-'));
    const host = new LocalHostDriver({ root: join(own, 'root') });
    const driver = new WorkingCopyDriver({
      credentials: { get: async () => credential },
      hostDriver: () => host,
      cacheRoot: join(own, 'cache'),
      allowLocalRepositories: false,
    });
    const blueprint = { name: 'hosts', type: 'local-host' as const, tier: 'low', spec: {} };
    const asked = {
      id: `res_host${process.pid}`,
      broker: 'broker_https',
      blueprint,
      place: null,
      handle: {},
      hostLease: null,
    };
    const stand = { ...asked, handle: (await host.build(asked, unhurried())).handle };
    const spec = { hosts: ['hosts'], gitCredential: 'password' };
    const resource: ResourceView = {
      ...asked,
      id: 'res_copy',
      blueprint: { name: 'copies', type: 'working-copy', tier: 'low', spec },
      hostLease: leaseOn(stand),
    };
    const repositories = { src: { uri: uri ?? https.uri('private'), branch: 'main' } };
    return {
      driver,
      lease: { id: 'lease_https', fence: 1, attributes: { repositories }, env: {}, resource },
    };
  }
});
