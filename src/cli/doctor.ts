import { data } from '../client/client.js';
import { type CommonOptions, command } from './command.js';
import { connect } from './connection.js';
import { EXIT } from './exit.js';
import { print } from './output.js';
import { cell } from './table.js';

/** Says what is wrong and what to do; a script sees by the exit code whether anything is. */
export const DOCTOR = command('doctor', 'check that all that must hold does').action(
  async (options: CommonOptions) => {
    const diagnosis = await data(connect(options).api.GET('/v1/doctor'));
    print(options, diagnosis, ({ whole, checked, findings, unchecked }) =>
      [
        ...findings.map(({ name, number, when, sentence, subjects, more, advice }) =>
          [
            `NOT SO: ${cell(sentence)}  [${name}${number === null ? '' : `, invariant ${number}`}, ${when}]\n`,
            `  ${cell(subjects)}${more ? ', and more' : ''}\n`,
            `  ${cell(advice)}\n`,
          ].join(''),
        ),
        ...unchecked.map(({ check, reason }) => `NOT CHECKED: ${check}: ${cell(reason)}\n`),
        whole
          ? `All ${checked.length} checks hold.\n`
          : `${checked.length} checks, ${findings.length} findings, ${unchecked.length} not checked.\n`,
      ].join(''),
    );
    if (!diagnosis.whole) process.exitCode = EXIT.failed;
  },
);
