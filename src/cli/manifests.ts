import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseAllDocuments } from 'yaml';
import { UsageError } from './exit.js';

export interface Manifest {
  /** Where it came from, for people: the file, and its place among the file's documents. */
  title: string;
  /** Whatever the YAML said; the broker checks it. */
  document: unknown;
}

/** Every document of the files, in order: several a file, files of a directory by name. */
export async function readManifests(paths: string[]): Promise<Manifest[]> {
  const files = paths.flatMap((path) => (path === '-' ? [path] : yamlFiles(path)));
  const read = files.map(async (file) =>
    parse(file, file === '-' ? await text(process.stdin) : readFileSync(file, 'utf8')),
  );
  const manifests = (await Promise.all(read)).flat();
  if (manifests.length === 0) throw new UsageError(`No manifests in ${paths.join(', ')}.`);
  return manifests;
}

function parse(file: string, yaml: string): Manifest[] {
  return [parseAllDocuments(yaml)].flat().flatMap((parsed, index) => {
    const [error] = parsed.errors;
    if (error) throw new UsageError(`${file}: ${error.message}`);
    const document: unknown = parsed.toJS();
    return document === null ? [] : [{ title: `${file}#${index + 1}`, document }];
  });
}

function yamlFiles(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new UsageError(`There is no ${path}.`);
  if (!found.isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => /\.ya?ml$/.test(name));
  return names.sort().map((name) => join(path, name));
}
