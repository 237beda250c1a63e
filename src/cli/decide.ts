import { data } from '../client/client.js';
import { type CommonOptions, command } from './command.js';
import { connect } from './connection.js';
import { print } from './output.js';

export const DECISIONS = [
  command('approve', 'approve an authorization')
    .argument('<authorization>')
    .option('--reason <text>', 'why')
    .option('--expires-in <duration>', 'for this long only, such as 30d')
    .action(async (id: string, options: CommonOptions & { reason?: string; expiresIn?: string }) => {
      const { reason, expiresIn } = options;
      const request = { params: { path: { id } }, body: { reason, expiresIn } };
      print(options, await data(connect(options).api.POST('/v1/authorizations/{id}/approve', request)));
    }),
  command('decline', 'decline an authorization')
    .argument('<authorization>')
    .requiredOption('--reason <text>', 'why')
    .action(async (id: string, options: CommonOptions & { reason: string }) => {
      const request = { params: { path: { id } }, body: { reason: options.reason } };
      print(options, await data(connect(options).api.POST('/v1/authorizations/{id}/decline', request)));
    }),
  command('revoke', 'revoke an authorization')
    .argument('<authorization>')
    .requiredOption('--reason <text>', 'why')
    .option('--break-leases', 'break the leases that rest on it too')
    .action(async (id: string, options: CommonOptions & { reason: string; breakLeases?: boolean }) => {
      const { reason, breakLeases } = options;
      const request = { params: { path: { id } }, body: { reason, breakLeases } };
      print(options, await data(connect(options).api.POST('/v1/authorizations/{id}/revoke', request)));
    }),
];
