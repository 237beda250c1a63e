import type { Schemas } from '../client/client.js';
import { collect, must } from './actors.js';
import type { Cast } from './cast.js';
import { HIGH_HOST, LOW_CHECKOUT, LOW_HOST } from './installation.js';
import type { Repository } from './repository.js';
import { Scenes } from './scenes.js';
import { columns, type Transcript } from './transcript.js';

type Lease = Schemas['Lease'];

/**
 * The main job, step by step, through the public API.
 * @throws Error as soon as a step does not do what it should
 */
export async function tell(say: Transcript, cast: Cast, { uri }: Repository): Promise<void> {
  const scenes = new Scenes(say);
  const harbour = { uri, branch: 'main', merges: [{ uri, ref: 'refs/heads/change' }] };
  const checkout: Schemas['LeaseBody'] = { type: 'working-copy', attributes: { repositories: { harbour } } };

  const first = await authorize(scenes, cast, checkout);
  await build(scenes, cast, first);
  await handOver(scenes, cast, first);
  await recycle(scenes, cast, checkout, first);
  await automate(scenes, cast);
  await crossTiers(scenes, cast);
  await recall(scenes, cast, first);
}

async function authorize(scenes: Scenes, cast: Cast, checkout: Schemas['LeaseBody']): Promise<Lease> {
  const { unitTests, ada } = cast;
  scenes.say.step('A build step asks for a working copy: main, with the change merged');
  const request = await scenes.say.did(
    () => unitTests.request(checkout),
    ({ id, state, waiting }) => ['requested', `${id}, ${state}: ${waiting?.reason}`],
  );
  must(request.waiting?.reason === 'awaiting-authorization', 'It should wait for its authorization.');
  const active = unitTests.active(request);
  active.catch(() => undefined); // its time to be told comes after the approvals
  await scenes.approve(ada, unitTests.name, LOW_CHECKOUT);
  const { decidedAt } = await scenes.approve(ada, LOW_CHECKOUT, LOW_HOST);
  const lease = await scenes.lease(unitTests, () => active);
  scenes.say.note(`active ${millisecondsBetween(decidedAt, lease.activeAt)} ms after the last approval`);
  return lease;
}

async function build(scenes: Scenes, { unitTests }: Cast, lease: Lease): Promise<void> {
  scenes.say.step('It runs its commands, one by one');
  const run = (body: Schemas['CommandBody'], expected?: string) =>
    scenes.run(unitTests, lease, body, expected);
  await run({ argv: ['git', 'log', '--oneline'] });
  await run({ argv: ['ls'] });
  await run({ argv: ['sh', 'build.sh'] });
  await run({ argv: ['sh', 'test.sh'] }, 'exit 3');
  await run({ argv: ['sleep', '600'], timeout: '1s' }, 'timed-out');
  await run({
    shell: 'touch left-behind; mkdir .git/hooks; touch .git/hooks/pre-commit; rm test.sh',
  });
  await run({ argv: ['git', 'status', '--short'] });
}

async function handOver(scenes: Scenes, { unitTests }: Cast, lease: Lease): Promise<void> {
  scenes.say.step('What it built is fetched, and the working copy given back as it is');
  const files = await scenes.say.did(
    () => unitTests.artifacts(lease),
    ({ length }) => ['artifacts', `${length} files`],
  );
  scenes.say.block(columns(files.map(({ name, size }) => [name, `${size} bytes`])));
  must(
    files.length === 2 && files.every(({ size }) => size > 0),
    'There should be two files with something in them.',
  );
  await scenes.release(unitTests, lease);
}

async function recycle(
  scenes: Scenes,
  cast: Cast,
  checkout: Schemas['LeaseBody'],
  first: Lease,
): Promise<void> {
  const { lint, ada } = cast;
  scenes.say.step('A second build step of the tier gets the same working copy, recycled');
  await scenes.approve(ada, lint.name, LOW_CHECKOUT);
  const lease = await scenes.lease(lint, async () => lint.active(await lint.request(checkout)), 'recycled');
  must(lease.resource === first.resource, `It should be ${first.resource}.`);
  await scenes.run(lint, lease, { argv: ['cat', 'left-behind'] }, 'exit 1');
  await scenes.run(lint, lease, { argv: ['cat', '.git/hooks/pre-commit'] }, 'exit 1');
  const status = await scenes.run(lint, lease, { argv: ['git', 'status', '--short', '--ignored'] });
  must(status === '', 'The working copy should be clean.');
  await scenes.release(lint, lease);
}

async function automate(scenes: Scenes, { admin, lander, ada }: Cast): Promise<void> {
  scenes.say.step('Repository automation leases a host of the high tier');
  await scenes.approve(ada, lander.name, HIGH_HOST);
  const request = () => lander.request({ type: 'host' });
  const lease = await scenes.lease(lander, async () => lander.active(await request()));
  must(lease.tier === 'high', 'It should be of tier high.');
  await scenes.run(lander, lease, { shell: 'id; grep CapEff /proc/self/status' });
  await report(scenes, admin);
  await scenes.release(lander, lease);
}

/** While both tiers have a host. */
async function report(scenes: Scenes, admin: Cast['admin']): Promise<void> {
  const { findings } = await scenes.say.did(
    () => admin.isolation(),
    ({ policy, findings, interference }) => [
      'isolation',
      `policy ${policy}: ${findings.length} findings, ${interference.length} pairs can touch each other's work`,
    ],
  );
  scenes.say.block(columns(findings.map(({ severity, rule, message }) => [severity, rule, message])));
  must(!findings.some(({ severity }) => severity === 'violation'), 'No finding should be a violation.');
}

async function crossTiers(scenes: Scenes, { admin, unitTests, ada }: Cast): Promise<void> {
  scenes.say.step('Low-trust work reaches for a host of the high tier');
  await scenes.say.did(
    () =>
      admin.consumer(unitTests.name, {
        kind: 'build-step',
        tier: 'low',
        blueprints: [LOW_CHECKOUT, HIGH_HOST],
      }),
    ({ name }) => ['declared', `${name} wants to use ${HIGH_HOST} too`],
  );
  await scenes.refused('an approval', 'cross-tier', () => ada.approve(unitTests.name, HIGH_HOST));
  const request = () => unitTests.request({ type: 'host', blueprints: [HIGH_HOST] });
  await scenes.refused('a lease', 'impossible', request);
}

async function recall(scenes: Scenes, { admin }: Cast, { resource = '' }: Lease): Promise<void> {
  scenes.say.step('All of it is in the log; this is the way of the working copy');
  const events = await scenes.say.did(
    () => collect(admin.client.list('/v1/events')),
    ({ length }) => ['events', `${length} in all`],
  );
  const path = events.filter((event) => event.resource === resource && !event.command);
  const rows = path.map(({ at, kind, consumer }) => [
    `+${millisecondsBetween(path[0]?.at, at)} ms`.padStart(10),
    kind,
    consumer ?? '',
  ]);
  scenes.say.block(columns(rows));
}

function millisecondsBetween(from: string | null | undefined, to: string | null): number {
  return Date.parse(to ?? '') - Date.parse(from ?? '');
}
