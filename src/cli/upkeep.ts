import { type BerthClient, data } from '../client/client.js';
import { type CommonOptions, command } from './command.js';
import { connect } from './connection.js';
import { print } from './output.js';
import { table } from './table.js';

type Path = { params: { path: { id: string } }; body: Record<string, never> };

/** What an admin does to resources, and the isolation report. */
export const UPKEEP = [
  onResource('reclaim', 'destroy an idle resource', ({ api }, request) =>
    data(api.POST('/v1/resources/{id}/reclaim', request)),
  ),
  onResource('cordon', 'let a resource serve no new lease', ({ api }, request) =>
    data(api.POST('/v1/resources/{id}/cordon', request)),
  ),
  onResource('uncordon', 'let a resource serve again', ({ api }, request) =>
    data(api.POST('/v1/resources/{id}/uncordon', request)),
  ),
  command('give-up', 'end a resource and what stands on it, whose engine or machine is gone for good')
    .argument('<resource>')
    .requiredOption('--reason <text>', 'how you know')
    .action(async (id: string, options: CommonOptions & { reason: string }) => {
      const request = { params: { path: { id } }, body: { gone: options.reason } };
      print(options, await data(connect(options).api.POST('/v1/resources/{id}/release', request)));
    }),
  command('isolation', 'who can touch whose work').action(async (options: CommonOptions) => {
    const report = await data(connect(options).api.GET('/v1/isolation'));
    print(options, report, ({ policy, findings, interference }) =>
      [
        `Policy: ${policy}\n`,
        findings.length === 0
          ? 'No findings.\n'
          : table(
              ['SEVERITY', 'RULE', 'MESSAGE'],
              findings.map(({ severity, rule, message }) => [severity, rule, message]),
            ),
        interference.length === 0
          ? 'Nothing can interfere.\n'
          : table(
              ['A', 'B', 'THROUGH', 'ALLOWED BY'],
              interference.map(({ a, b, through, allowedBy }) => [a, b, through, allowedBy]),
            ),
      ].join('\n'),
    );
  }),
];

function onResource(
  name: string,
  description: string,
  act: (client: BerthClient, at: Path) => Promise<object>,
) {
  return command(name, description)
    .argument('<resource>')
    .action(async (id: string, options: CommonOptions) =>
      print(options, await act(connect(options), { params: { path: { id } }, body: {} })),
    );
}
