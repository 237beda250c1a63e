import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from './actors.js';
import { startBroker } from './broker-process.js';
import type { Cleanup } from './cleanup.js';
import { findEngine, makeImage } from './engine.js';
import { type Hosts, installation, type Policy, WAIVERS } from './installation.js';
import { makeRepository, type Repository } from './repository.js';
import { columns, type Transcript } from './transcript.js';

/** What the story needs: somebody who declares things to a broker of our own, and a repository to build. */
export interface Stage {
  admin: Admin;
  repository: Repository;
}

/** Makes all of it, and says so. */
export async function setUp(say: Transcript, cleanup: Cleanup): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-demo-'));
  cleanup.later(directory, () => rm(directory, { recursive: true, force: true }));
  await chmod(directory, 0o711); // where this is root, the database runs as another user

  say.step('Where work runs');
  const hosts = await findHosts(say, cleanup);

  say.step('What is worked on: a git repository');
  const repository = await say.did(
    () => makeRepository(join(directory, 'git'), cleanup),
    ({ uri }) => ['made', `${uri}, with the branches main and change`],
  );

  say.step('Who hands it out: a broker, with two tiers that never mix');
  const policy: Policy = hosts !== 'this machine' && repository.isServed ? 'high' : 'zero';
  const { url, client } = await say.did(
    () => startBroker({ directory, manifests: installation(hosts, policy), policy }, cleanup),
    ({ pid, ...broker }) => ['started', `${broker.url}, process ${pid}, with a PostgreSQL of its own`],
  );
  const admin = new Admin(url, client);
  cleanup.later('every lease and resource', () => admin.clear());
  tellPolicy(say, policy);
  return { admin, repository };
}

async function findHosts(say: Transcript, cleanup: Cleanup): Promise<Hosts> {
  const engine = await say.did(findEngine, (found) => [
    'hosts',
    found
      ? `containers of Docker ${found.version} at ${found.address}`
      : 'this machine; no Docker engine answers',
  ]);
  if (!engine) return 'this machine';
  const image = await say.did(
    () => makeImage(engine, cleanup),
    (id) => ['image', `of this machine's own programs, ${id.slice(0, 19)}…`],
  );
  return { engine: engine.address, image };
}

function tellPolicy(say: Transcript, policy: Policy): void {
  if (policy === 'zero') {
    say.note('Isolation policy zero, for development only: no rule keeps work off the broker’s own machine.');
    return;
  }
  say.note('Isolation policy high. One machine plays all parts here, so these rules are waived by name:');
  say.block(columns(WAIVERS.map(({ rule, subject, reason }) => [rule, subject, reason])));
}
