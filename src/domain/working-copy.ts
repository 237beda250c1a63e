import type { FieldFault } from './errors.js';
import type { LeaseAttributes, RepositorySpec } from './lease.js';

/** Most repositories of one working copy, and most merges on one repository. */
const MAX_REPOSITORIES = 50;
const MAX_MERGES = 50;

/** What one may check out; without strict also none of them: the branch that the remote's HEAD names. */
const REVISIONS = ['commit', 'branch', 'tag', 'ref'] as const;

/** Control and format characters and spaces: never in an address or a name of ours. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Z}]/u;

/**
 * What is wrong with the attributes of a working-copy lease; none where they can be built. Everything that git could
 * take for an option or a helper is refused here, before anything runs.
 */
export function repositoriesFaults(attributes: LeaseAttributes): FieldFault[] {
  const { repositories, strict } = attributes;
  if (!isRecord(repositories) || Object.keys(repositories).length === 0) {
    const message = 'must name at least one repository, by the directory that it goes to';
    return [{ path: 'attributes.repositories', message }];
  }
  const directories = Object.keys(repositories);
  const faults: FieldFault[] = [];
  if (directories.length > MAX_REPOSITORIES) {
    faults.push({
      path: 'attributes.repositories',
      message: `must be at most ${MAX_REPOSITORIES} repositories`,
    });
  }
  for (const directory of directories) {
    const path = `attributes.repositories.${directory}`;
    const message = directoryFault(directory) ?? nestingFault(directory, directories);
    if (message) faults.push({ path, message });
    faults.push(...repositoryFaults(path, repositories[directory], strict === true));
  }
  if (Object.values(repositories).filter((repository) => repository?.default === true).length > 1) {
    faults.push({ path: 'attributes.repositories', message: 'must have one default at most' });
  }
  return faults;
}

/** Directory of the repository that commands start in; null, the lease's own, where there are several and no default. */
export function defaultDirectory(repositories: Record<string, RepositorySpec>): string | null {
  const directories = Object.keys(repositories);
  const chosen = directories.find((directory) => repositories[directory]?.default);
  return chosen ?? (directories.length === 1 ? (directories[0] ?? null) : null);
}

function repositoryFaults(path: string, repository: unknown, strict: boolean): FieldFault[] {
  if (!isRecord(repository)) return [{ path, message: 'must be an object with a uri' }];
  const faults: FieldFault[] = [];
  const check = (field: string, message: string | undefined) => {
    if (message) faults.push({ path: `${path}.${field}`, message });
  };
  const known = ['uri', ...REVISIONS, 'merges', 'submodules', 'default'];
  for (const field of Object.keys(repository)) if (!known.includes(field)) check(field, 'is not known');
  check('uri', addressFault(repository.uri));
  const named = REVISIONS.filter((revision) => repository[revision] !== undefined);
  if (named.length > 1) faults.push({ path, message: `must name one of ${named.join(' and ')}, not both` });
  if (named.length === 0 && strict) {
    faults.push({ path, message: `must name one of ${REVISIONS.join(', ')}: the lease is strict` });
  }
  for (const revision of named) {
    const value = repository[revision];
    check(revision, revision === 'commit' ? commitFault(value) : refFault(value));
  }
  for (const flag of ['default', 'submodules']) {
    const value = repository[flag];
    if (value !== undefined && typeof value !== 'boolean') check(flag, 'must be true or false');
  }
  if (repository.merges !== undefined) faults.push(...mergesFaults(`${path}.merges`, repository.merges));
  return faults;
}

function mergesFaults(path: string, merges: unknown): FieldFault[] {
  if (!Array.isArray(merges)) return [{ path, message: 'must be a list of {uri, ref}' }];
  if (merges.length > MAX_MERGES) return [{ path, message: `must be at most ${MAX_MERGES} merges` }];
  return merges.flatMap((merge: unknown, index) => {
    if (!isRecord(merge))
      return [{ path: `${path}.${index}`, message: 'must be an object with uri and ref' }];
    const faults: FieldFault[] = [];
    for (const field of Object.keys(merge)) {
      if (field !== 'uri' && field !== 'ref')
        faults.push({ path: `${path}.${index}.${field}`, message: 'is not known' });
    }
    const uri = addressFault(merge.uri);
    if (uri) faults.push({ path: `${path}.${index}.uri`, message: uri });
    const ref = refFault(merge.ref);
    if (ref) faults.push({ path: `${path}.${index}.ref`, message: ref });
    return faults;
  });
}

/** Why a repository must not go there; undefined where it may. */
export function directoryFault(directory: string): string | undefined {
  const parts = directory.split('/');
  if (directory === '' || directory.length > 255) return 'must be 1 to 255 characters';
  if (directory.startsWith('/')) return 'must be a relative path';
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    return 'must have no empty, . or .. part';
  if (parts.some((part) => part.toLowerCase() === '.git')) return 'must not be or lie in a .git directory';
  if (directory.startsWith('-')) return 'must not begin with -';
  if (UNPRINTABLE.test(directory) || directory.includes('\\'))
    return 'must have no space, backslash or control character';
  return undefined;
}

function nestingFault(directory: string, others: string[]): string | undefined {
  const around = others.find((other) => directory.startsWith(`${other}/`));
  return around && `must not lie inside another repository, ${around}`;
}

const HOST = '[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]+\\]';
const USER = '[A-Za-z0-9_][A-Za-z0-9_.+-]*';
const REMOTE = new RegExp(`^(ssh|https?|git)://(${USER}@)?(${HOST})(:[0-9]{1,5})?/(?!-)[^?#]*$`);
const SCP_LIKE = new RegExp(`^(${USER}@)?(${HOST}):(?![-:/]{2}|-)[^:]+$`);
const LOCAL = /^(file:\/\/)?\/(?!\/)/;

/** Where a repository lies: `remote`, or `local` on the broker's own machine; undefined where it is no address. */
export function addressKind(uri: string): 'remote' | 'local' | undefined {
  if (uri.length > 2048 || UNPRINTABLE.test(uri) || uri.includes('\\')) return undefined;
  if (LOCAL.test(uri)) return 'local';
  return REMOTE.test(uri) || SCP_LIKE.test(uri) ? 'remote' : undefined;
}

/** Why git must not be given that address; undefined where it may. */
export function addressFault(uri: unknown): string | undefined {
  if (typeof uri === 'string' && addressKind(uri)) return undefined;
  return 'must be an ssh, https, http or git address, or user@host:path; without a password, option or helper transport';
}

function commitFault(commit: unknown): string | undefined {
  if (typeof commit === 'string' && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) return undefined;
  return 'must be the full id of a commit, 40 or 64 digits';
}

/** Why git must not be given that ref, by the rules of git-check-ref-format; undefined where it may. */
export function refFault(ref: unknown): string | undefined {
  const fault = 'must be the name of a ref as git allows it, not beginning with -';
  if (typeof ref !== 'string' || ref === '' || ref.length > 255) return fault;
  if (UNPRINTABLE.test(ref) || /[~^:?*[\\]|\.\.|@\{|\/\/|^[-/]|[/.]$|^@$/.test(ref)) return fault;
  return ref.split('/').some((part) => part.startsWith('.') || part.endsWith('.lock')) ? fault : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
