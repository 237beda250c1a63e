import { randomUUID } from 'node:crypto';
import { type BerthClient, data, type Schemas } from '../client/client.js';
import { type CommonOptions, command } from './command.js';
import { connect } from './connection.js';
import { type CommandOptions, commandBody, commandOptions } from './exec.js';
import { execute } from './execute.js';
import { exitCodeOfCommand } from './exit.js';
import { note } from './output.js';
import { seconds, settled } from './settle.js';
import { interruptibly } from './signals.js';
import { unpack } from './unpack.js';
import { leaseBody, type WantedOptions, wantedOptions } from './wanted.js';

interface RunOptions extends CommonOptions, WantedOptions, CommandOptions {
  wait: string;
  artifacts?: string;
}

export const RUN = wantedOptions(
  commandOptions(command('run', 'lease, run a command, release whatever happens; ends with its exit code')),
)
  .option('--wait <duration>', 'wait at most this long for the lease', '10m')
  .option('--artifacts <directory>', 'where to put the artifacts')
  .passThroughOptions()
  .action(async (argv: string[], options: RunOptions) => {
    const client = connect(options);
    const body = await commandBody(argv, options);
    const waitSeconds = seconds(options.wait);
    process.exitCode = await interruptibly(async (signal) => {
      const lease = await request(client, leaseBody(options));
      try {
        await settled(client, lease, waitSeconds, signal);
        const ended = await execute(client, lease.id, body, { json: options.json, signal });
        if (options.artifacts) await unpack(await client.artifacts(lease.id, signal), options.artifacts);
        return exitCodeOfCommand(ended);
      } finally {
        await release(client, lease);
      }
    });
  });

/** Not held and not interrupted: whatever comes next, we know what there is to release. */
function request({ api }: BerthClient, body: Schemas['LeaseBody']): Promise<Schemas['Lease']> {
  const params = { header: { 'Idempotency-Key': randomUUID() } };
  return data(api.POST('/v1/leases', { params, body }));
}

async function release({ api }: BerthClient, { id }: Schemas['Lease']): Promise<void> {
  try {
    await api.POST('/v1/leases/{id}/release', { params: { path: { id } }, body: {} });
  } catch (error) {
    note(`${id} could not be released, and ends when it expires: ${(error as Error).message}`);
  }
}
