import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { BrokerError, type FieldFault } from '../domain/errors.js';
import { type Declaration, KINDS, type Kind } from './declarations.js';

export const API_VERSION = 'berth/v1';

/**
 * The declarations in a folder's `.yaml` and `.yml` files, several to a file; none where there is no such folder.
 * @throws BrokerError `malformed` naming file and field
 */
export async function readManifests(directory: string): Promise<Declaration[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const files = entries
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map(({ name }) => name);
  const found: Declaration[] = [];
  for (const file of files.sort()) {
    const documents = parseAllDocuments(await readFile(join(directory, file), 'utf8'));
    for (const [index, document] of [...documents].entries()) {
      const path = `${file}, document ${index + 1}`;
      const problem = document.errors[0];
      if (problem) throw faulty([{ path, message: problem.message }]);
      const value: unknown = document.toJS();
      if (value !== null) found.push(declarationOf(value, path));
    }
  }
  return found;
}

function declarationOf(value: unknown, path: string): Declaration {
  const faults: FieldFault[] = [];
  const { apiVersion, kind, metadata, spec, ...unknown } = Object(value) as Record<string, unknown>;
  const name: unknown = Object(metadata).name;
  if (apiVersion !== API_VERSION)
    faults.push({ path: `${path}: apiVersion`, message: `must be ${API_VERSION}` });
  if (!KINDS.includes(kind as Kind))
    faults.push({ path: `${path}: kind`, message: `must be one of ${KINDS.join(', ')}` });
  if (typeof name !== 'string') faults.push({ path: `${path}: metadata.name`, message: 'must be given' });
  for (const field of Object.keys(unknown))
    faults.push({ path: `${path}: ${field}`, message: 'is not a known field' });
  if (faults.length > 0) throw faulty(faults);
  return { kind: kind as Kind, name: name as string, spec };
}

function faulty(errors: FieldFault[]): BrokerError {
  return new BrokerError('malformed', 'The manifests have faults; nothing was changed.', { errors });
}
