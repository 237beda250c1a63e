import { data, ProblemError, type Schemas } from '../client/client.js';
import { type CommonOptions, command } from './command.js';
import { connect } from './connection.js';
import { type Manifest, readManifests } from './manifests.js';
import { print } from './output.js';
import { cell, table } from './table.js';

export const APPLY = command('apply', 'make the installation what the manifests say')
  .argument('<path...>', 'files, or directories of *.yaml; - for standard input')
  .option('--dry-run', 'only say what would change')
  .action(async (paths: string[], options: CommonOptions & { dryRun?: boolean }) => {
    const manifests = await readManifests(paths);
    const documents = manifests.map(({ document }) => document as Schemas['Manifest']);
    const body = { documents, dryRun: options.dryRun ?? false };
    try {
      print(options, await data(connect(options).api.POST('/v1/manifests', { body })), render);
    } catch (error) {
      throw error instanceof ProblemError ? inFiles(error, manifests) : error;
    }
  });

function render({ changes }: Schemas['ManifestChanges']): string {
  const rows = changes.map(({ kind, name, action, fields }) => [action, kind, name, cell(fields)]);
  const effects = changes.flatMap(({ kind, name, effects }) =>
    effects.map((effect) => `${kind} ${name}: ${cell(effect)}\n`),
  );
  return table(['ACTION', 'KIND', 'NAME', 'FIELDS'], rows) + effects.join('');
}

/** The same faults, named by file and kind instead of by place in the request. */
function inFiles(problem: ProblemError, manifests: Manifest[]): ProblemError {
  const errors = problem.errors.map(({ path, message }) => {
    const [, index, field] = /^documents\.(\d+)\.?(.*)$/.exec(path) ?? [];
    const manifest = index === undefined ? undefined : manifests[Number(index)];
    return { path: manifest ? `${manifest.title} ${field}` : path, message };
  });
  const { status, code, detail, details } = problem;
  return new ProblemError({ status, code: code as Schemas['ErrorCode'], detail, details, errors });
}
