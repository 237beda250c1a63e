import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsOptional,
  Matches,
} from 'class-validator';
import { DURATION_PATTERN } from '../../domain/duration.js';
import { NAME } from '../../domain/name.js';

export const DEFAULT_CLONE_TIMEOUT = '5m';

/** `spec` of a `working-copy` blueprint. */
export class WorkingCopySpec {
  /** Host blueprints that working copies stand on. */
  @IsArray({ message: '$property must be a list of host blueprints' })
  @ArrayMinSize(1, { message: '$property must name at least one host blueprint' })
  @ArrayMaxSize(100, { message: '$property must name at most 100 host blueprints' })
  @ArrayUnique({ message: '$property must name each blueprint once' })
  @Matches(NAME, { each: true, message: '$property must be names of blueprints' })
  hosts!: string[];

  /** Stored credential for git; never seen by a lease. */
  @IsOptional()
  @Matches(NAME, { message: '$property must be the name of a stored credential' })
  gitCredential?: string;

  /** Time for all that git does for one activation. */
  @IsOptional()
  @Matches(new RegExp(DURATION_PATTERN), { message: '$property must be a duration such as 5m' })
  cloneTimeout: string = DEFAULT_CLONE_TIMEOUT;

  /** Keeps mirrors of the repositories on the broker's disk for the next lease. */
  @IsOptional()
  @IsBoolean({ message: '$property must be true or false' })
  cache = true;
}
