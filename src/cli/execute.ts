import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type BerthClient, data, type Schemas } from '../client/client.js';
import { note } from './output.js';

/**
 * Runs a command on a lease with its output going where ours goes, live, and returns its record; where it did not run to
 * its end, the reason is told. When `signal` aborts, the command is cancelled.
 */
export async function execute(
  client: BerthClient,
  leaseId: string,
  body: Schemas['CommandBody'],
  { json = false, signal }: { json?: boolean; signal: AbortSignal },
): Promise<Schemas['Command']> {
  const params = { path: { id: leaseId }, header: { 'Idempotency-Key': randomUUID() } };
  const command = await data(client.api.POST('/v1/leases/{id}/commands', { params, body, signal }));
  try {
    for await (const message of client.output(leaseId, command.id, signal)) {
      if (message.kind === 'end') {
        const { id, state, reason } = message.command;
        if (state !== 'exited' && reason) note(`${id} is ${state}: ${reason}`);
        if (json) await write(process.stdout, `${JSON.stringify(message.command)}\n`);
        return message.command;
      }
      const target = json || message.stream === 'stderr' ? process.stderr : process.stdout;
      await write(target, message.data);
    }
  } catch (error) {
    if (signal.aborted) await cancel(client, leaseId, command.id);
    throw error;
  }
  throw new Error(`The output of ${command.id} ended without its record.`);
}

async function cancel({ api }: BerthClient, id: string, commandId: string): Promise<void> {
  const params = { path: { id, commandId } };
  await api.POST('/v1/leases/{id}/commands/{commandId}/cancel', { params, body: {} }).catch(() => undefined);
}

async function write(target: NodeJS.WriteStream, data: Buffer | string): Promise<void> {
  if (!target.write(data)) await once(target, 'drain');
}
