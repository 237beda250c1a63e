import { UNKNOWN_FIELD } from '../broker/check.js';
import type { ResourceType } from '../domain/blueprint.js';
import type { LeaseAttributes } from '../domain/lease.js';
import { Flag, Optional, Parts, Text } from './fields.js';
import { malformed, validated } from './input.pipe.js';

class MergeBody {
  @Text(2000, 'Repository that holds the change.')
  uri!: string;

  @Text(500, 'The change.')
  ref!: string;
}

class RepositoryBody {
  @Text(2000, 'Address of the repository.')
  uri!: string;

  @Optional()
  @Text(64, 'Check this commit out.')
  commit?: string;

  @Optional()
  @Text(500, 'Check this branch out.')
  branch?: string;

  @Optional()
  @Text(500, 'Check this tag out.')
  tag?: string;

  @Optional()
  @Text(500, 'Check this ref out.')
  ref?: string;

  @Optional()
  @Parts(() => MergeBody, 'Changes to squash-merge on top, in order.')
  merges?: MergeBody[];

  @Optional()
  @Flag('Whether submodules are checked out in it, and theirs.')
  submodules?: boolean;

  @Optional()
  @Flag('Whether commands start in this directory.')
  default?: boolean;
}

const STARTS = ['commit', 'branch', 'tag', 'ref'] as const;

/**
 * The shape of a working copy's attributes. The map's keys are the caller's own, which class-validator has no word
 * for. Whether directories and addresses are safe is for the driver to say.
 */
export function leaseAttributes(type: ResourceType, attributes: Record<string, unknown>): LeaseAttributes {
  const { repositories, strict, ...others } = attributes;
  if (type === 'host') return attributes;
  const unknown = Object.keys(others).map((name) => ({
    path: `attributes.${name}`,
    message: UNKNOWN_FIELD,
  }));
  if (unknown.length > 0) throw malformed(unknown);
  if (strict !== undefined && typeof strict !== 'boolean') {
    throw malformed([{ path: 'attributes.strict', message: 'must be true or false' }]);
  }
  return {
    ...(repositories !== undefined && { repositories: toRepositories(repositories) }),
    ...(strict !== undefined && { strict }),
  };
}

function toRepositories(input: unknown): Record<string, RepositoryBody> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    const message = 'must map directories to repositories';
    throw malformed([{ path: 'attributes.repositories', message }]);
  }
  const checked = Object.entries(input).map(([directory, value]) => {
    const path = `attributes.repositories.${directory}`;
    const repository = { ...validated(RepositoryBody, value, path) };
    if (STARTS.filter((start) => repository[start] !== undefined).length > 1) {
      throw malformed([{ path, message: `must name at most one of ${STARTS.join(', ')}` }]);
    }
    return [directory, repository];
  });
  return Object.fromEntries(checked);
}
