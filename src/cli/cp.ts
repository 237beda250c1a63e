import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type CommonOptions, command } from './command.js';
import { connect } from './connection.js';
import { FailedError, UsageError } from './exit.js';
import { print } from './output.js';

export const CP = command('cp', 'copy a file to or from a lease, named LEASE:PATH')
  .argument('<from>', 'file, LEASE:PATH, or - for standard input')
  .argument('<to>', 'file, directory, LEASE:PATH, or - for standard output')
  .action(async (from: string, to: string, options: CommonOptions) => {
    const client = connect(options);
    const [source, target] = [onLease(from), onLease(to)];
    if (!source === !target) throw new UsageError('One of the two must be LEASE:PATH, and the other not.');
    if (source) {
      const bytes = await client.readFile(source.lease, source.path);
      if (to === '-') return pipeline(bytes, process.stdout, { end: false });
      await pipeline(bytes, createWriteStream(localTarget(to, source.path)));
    } else if (target) {
      const path = target.path.endsWith('/') ? target.path + basename(from) : target.path;
      if (from !== '-' && isDirectory(from))
        throw new FailedError(`${from} is a directory; pack it, or copy its files one by one.`);
      await client.writeFile(target.lease, path, from === '-' ? process.stdin : createReadStream(from));
    }
    if (options.json) print(options, { from, to });
  });

function onLease(name: string): { lease: string; path: string } | undefined {
  const [, lease, path] = /^(lease_\w+):(.+)$/s.exec(name) ?? [];
  return lease && path ? { lease, path } : undefined;
}

function localTarget(to: string, path: string): string {
  return isDirectory(to) ? join(to, basename(path)) : to;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
