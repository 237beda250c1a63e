import type { Schemas } from '../client/client.js';
import { type CommonOptions, command, group } from './command.js';
import { connect } from './connection.js';
import { take } from './lists.js';
import { cell } from './table.js';

interface EventOptions extends CommonOptions {
  follow?: boolean;
  limit: string;
}

const list = command('list', 'read the log')
  .option('--follow', 'go on as things happen')
  .option('--after <id>', 'what comes after this event')
  .option('--lease <id>', 'of this lease')
  .option('--resource <id>', 'of this resource')
  .option('--blueprint <name>', 'of this blueprint')
  .option('--consumer <name>', 'of this consumer')
  .option('--limit <n>', 'most events', '100')
  .action(async ({ follow, limit, json, url, token, ...query }: EventOptions & Record<string, string>) => {
    const client = connect({ url, token });
    const show = (event: Schemas['Event']) =>
      process.stdout.write(json ? `${JSON.stringify(event)}\n` : line(event));
    if (follow) for await (const event of client.events(query)) show(event);
    else for (const event of await take(Number(limit), client.list('/v1/events', query))) show(event);
  });

export const EVENTS = group('events', 'read the log').addCommand(list, { isDefault: true });

/** Events come one by one, so that no column can know its width. With `--json` each is one line too. */
function line({ at, kind, principal, data, id: _, ...subjects }: Schemas['Event']): string {
  const about = Object.entries(subjects).map(([name, value]) => `${name}=${cell(value)}`);
  const more = Object.entries(data).map(([name, value]) => `${name}=${cell(value)}`);
  const by = principal ? [`by=${cell(principal)}`] : [];
  return `${[at, kind.padEnd(24), ...about, ...more, ...by].join('  ')}\n`;
}
