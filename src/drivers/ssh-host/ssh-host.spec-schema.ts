import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsInt,
  IsOptional,
  Matches,
  Max,
  Min,
  ValidateBy,
  ValidateNested,
  type ValidationArguments,
} from 'class-validator';
import { NAME } from '../../domain/name.js';
import { HOST_KEY, HOST_KEY_IS } from '../ssh/ssh-login.js';

const USER = /^[a-z_][a-z0-9_-]{0,31}$/;
const ADDRESS = /^[A-Za-z0-9]([A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?$/;

/** One machine of an `ssh-host` blueprint. */
export class SshMachine {
  @Matches(NAME, { message: '$property must be a DNS label' })
  name!: string;

  @Matches(ADDRESS, { message: '$property must be a host name or an IP address' })
  address!: string;

  @IsInt({ message: '$property must be a whole number' })
  @Min(1, { message: '$property must be at least 1' })
  @Max(65_535, { message: '$property must be at most 65535' })
  port = 22;

  /** The server's public key; whoever shows another one is not that machine. */
  @Matches(HOST_KEY, { message: `$property ${HOST_KEY_IS}` })
  hostKey!: string;
}

/** `spec` of an `ssh-host` blueprint. */
export class SshHostSpec {
  @IsArray({ message: '$property must be a list of machines' })
  @ArrayMinSize(1, { message: '$property must name at least one machine' })
  @ArrayMaxSize(1000, { message: '$property must name at most 1000 machines' })
  @ArrayUnique((machine?: SshMachine) => machine?.name, { message: '$property must have names of their own' })
  @ValidateNested({ each: true })
  @Type(() => SshMachine)
  hosts!: SshMachine[];

  @Matches(USER, { message: '$property must be the name of a user on the machines' })
  user!: string;

  @Matches(NAME, { message: '$property must be the name of a stored credential' })
  credential!: string;

  /** Whom leases run as; absent: `user`. */
  @IsOptional()
  @Matches(USER, { message: '$property must be the name of a user on the machines' })
  @ValidateBy({
    name: 'another',
    validator: {
      validate: (name, asked) => name !== 'root' && name !== specOf(asked).user,
      defaultMessage: () => '$property must be another user than user, and not root',
    },
  })
  workUser?: string;

  /** What the work user logs in with; absent: `credential`. */
  @IsOptional()
  @Matches(NAME, { message: '$property must be the name of a stored credential' })
  @ValidateBy({
    name: 'needed',
    validator: {
      validate: (_, asked) => specOf(asked).workUser !== undefined,
      defaultMessage: () => '$property must be left out where there is no workUser',
    },
  })
  workCredential?: string;

  /** Absolute path on the machines; made where it is not there. */
  @Matches(/^(\/[A-Za-z0-9_.@+-]*[A-Za-z0-9_@+-])+$/, {
    message: '$property must be an absolute path of letters, digits and . _ @ + -, other than /',
  })
  root!: string;
}

function specOf(asked?: ValidationArguments): Partial<SshHostSpec> {
  return asked?.object ?? {};
}
