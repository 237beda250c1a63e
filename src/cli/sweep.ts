import { data } from '../client/client.js';
import { type CommonOptions, command } from './command.js';
import { connect } from './connection.js';
import { note, print } from './output.js';
import { cell, table } from './table.js';

/** Says what the sweep would do, or lets it begin. */
export const SWEEP = command('sweep', 'compare what exists with what should; changes nothing')
  .option('--now', 'sweep every blueprint now, instead of at its next time')
  .action(async ({ now, ...options }: CommonOptions & { now?: boolean }) => {
    const { api } = connect(options);
    if (now) {
      await data(api.POST('/v1/sweep', { body: {} }));
      note('The sweep begins; see the events of resources and orphans.');
      return;
    }
    const report = await data(api.GET('/v1/sweep'));
    print(options, report, ({ suspects, silent }) =>
      [
        suspects.length > 0
          ? table(
              ['what', 'name', 'blueprint', 'place', 'known since', 'acted on'],
              suspects.map(({ kind, name, blueprint, place, since, actsAt }) =>
                [kind, name, blueprint, place, since, actsAt].map(cell),
              ),
            )
          : 'What exists is what should.\n',
        ...silent.map(
          ({ blueprint, place, reason }) =>
            `NOT CHECKED: ${cell(blueprint)}${place === null ? '' : ` ${cell(place)}`}: ${cell(reason)}\n`,
        ),
      ].join(''),
    );
  });
