import { type CommonOptions, command } from './command.js';
import { connect } from './connection.js';
import { print } from './output.js';
import { interruptibly } from './signals.js';
import { unpack } from './unpack.js';

export const ARTIFACTS = command('artifacts', "fetch a lease's artifacts")
  .argument('<lease>')
  .argument('<directory>', 'where to put them; made where it is not there')
  .action(async (lease: string, directory: string, options: CommonOptions) => {
    const client = connect(options);
    await interruptibly(async (signal) => unpack(await client.artifacts(lease, signal), directory));
    if (options.json) print(options, { lease, directory });
  });
