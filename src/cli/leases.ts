import { randomUUID } from 'node:crypto';
import { data } from '../client/client.js';
import { type CommonOptions, command } from './command.js';
import { connect } from './connection.js';
import { print } from './output.js';
import { seconds, settled } from './settle.js';
import { leaseBody, type WantedOptions, wantedOptions } from './wanted.js';

export const LEASES = [
  wantedOptions(command('lease', 'request a lease and wait until it is active'))
    .option('--wait <duration>', 'wait at most this long; 0s to come back at once', '10m')
    .action(async (options: CommonOptions & WantedOptions & { wait: string }) => {
      const client = connect(options);
      const params = { header: { 'Idempotency-Key': randomUUID() } };
      const first = await data(client.api.POST('/v1/leases', { params, body: leaseBody(options) }));
      print(options, await settled(client, first, seconds(options.wait)));
    }),
  command('renew', 'renew a lease')
    .argument('<lease>')
    .option('--ttl <duration>', 'life from now on')
    .action(async (id: string, options: CommonOptions & { ttl?: string }) => {
      const request = { params: { path: { id } }, body: { ttl: options.ttl } };
      print(options, await data(connect(options).api.POST('/v1/leases/{id}/renew', request)));
    }),
  command('release', 'release a lease')
    .argument('<lease>')
    .action(async (id: string, options: CommonOptions) => {
      const request = { params: { path: { id } }, body: {} };
      print(options, await data(connect(options).api.POST('/v1/leases/{id}/release', request)));
    }),
];
