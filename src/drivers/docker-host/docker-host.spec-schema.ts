import 'reflect-metadata';
import { plainToInstance, Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsInt,
  IsNumber,
  IsOptional,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { type Egress, egressFault } from './egress.js';
import { EngineSsh, EngineTls, engineFault } from './engine-address.js';
import { FieldFault } from './field-fault.js';
import { isRuled } from './runtime.js';
import { parseSize } from './size.js';

/** Where a target would hide what the container needs, or what keeps it in. */
const TAKEN = /^\/(|tmp|home\/berth|(work|artifacts|proc|sys|dev|etc|sbin)(\/.*)?)$/;
const TARGET = /^(\/[A-Za-z0-9_.-]+)+$/;

/** A named volume of the engine; a path of its machine can't be given. */
export class VolumeMount {
  @Matches(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, {
    message: '$property must be the name of a volume; paths are not mounted',
  })
  volume!: string;

  @FieldFault(targetFault)
  target!: string;

  @IsOptional()
  @IsBoolean({ message: '$property must be true or false' })
  readOnly = false;
}

/** `spec` of a `docker-host` blueprint. */
export class DockerHostSpec {
  @FieldFault(engineFault)
  engine!: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => EngineTls)
  tls?: EngineTls;

  @IsOptional()
  @ValidateNested()
  @Type(() => EngineSsh)
  ssh?: EngineSsh;

  @Matches(/^[A-Za-z0-9][A-Za-z0-9_.:/@-]*$/, {
    message: '$property must be an image of the engine, best as name@sha256:… or sha256:…',
  })
  image!: string;

  /** A runtime that the engine knows; absent: its default one. */
  @IsOptional()
  @Matches(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, {
    message: '$property must be a runtime of the engine, such as runsc',
  })
  runtime?: string;

  @IsOptional()
  @FieldFault(userFault)
  user = '65532:65532';

  @IsOptional()
  @FieldFault(sizeFault)
  memory = '1g';

  @IsOptional()
  @IsNumber({ maxDecimalPlaces: 2 }, { message: '$property must be a number of processors, such as 0.5' })
  @Min(0.01, { message: '$property must be at least 0.01' })
  @Max(1024, { message: '$property must be at most 1024' })
  cpus = 1;

  @IsOptional()
  @IsInt({ message: '$property must be a whole number of processes' })
  @Min(8, { message: '$property must be at least 8: the container itself takes some' })
  @Max(65_536, { message: '$property must be at most 65536' })
  pids = 512;

  /** Size of the work area; absent: half of `memory`. */
  @IsOptional()
  @FieldFault(diskFault)
  disk?: string;

  @IsOptional()
  @FieldFault(networkFault)
  network: 'none' | 'bridge' | Egress = 'none';

  /** More writable directories, kept in memory: target → size. */
  @IsOptional()
  @FieldFault(tmpfsFault)
  tmpfs?: Record<string, string>;

  @IsOptional()
  @IsArray({ message: '$property must be a list of {volume, target, readOnly}' })
  @ValidateNested({ each: true })
  @Type(() => VolumeMount)
  mounts?: VolumeMount[];
}

/** The spec with its defaults. The blueprint's was checked when it was declared. */
export function dockerHostSpec(spec: Record<string, unknown>): DockerHostSpec {
  return plainToInstance(DockerHostSpec, spec, { exposeDefaultValues: true });
}

function userFault(value: unknown): string | undefined {
  const match = typeof value === 'string' && /^(\d{1,9}):(\d{1,9})$/.exec(value);
  if (!match) return 'must be uid:gid in numbers, such as 65532:65532';
  return Number(match[1]) === 0 || Number(match[2]) === 0
    ? 'must not be root: give a uid and gid above 0'
    : undefined;
}

function sizeFault(value: unknown): string | undefined {
  return bytesOf(value) === undefined ? 'must be a size such as 256m or 1g' : undefined;
}

/** The work area is kept in memory: filling it must end in a full disk, not in the container's death. */
function diskFault(value: unknown, spec: object): string | undefined {
  const memory = 'memory' in spec ? bytesOf(spec.memory) : undefined;
  const tooLarge = memory !== undefined && (bytesOf(value) ?? 0) > memory / 2;
  return sizeFault(value) ?? (tooLarge ? 'must be at most half of memory, in which it is kept' : undefined);
}

function bytesOf(value: unknown): number | undefined {
  return typeof value === 'string' ? parseSize(value) : undefined;
}

function networkFault(value: unknown, spec: object): string | undefined {
  if (value === 'none' || value === 'bridge') return undefined;
  if (typeof value !== 'object' || value === null) return 'must be none, bridge or {egress, gate, via}';
  const runtime = 'runtime' in spec && typeof spec.runtime === 'string' ? spec.runtime : undefined;
  if (runtime !== undefined && !isRuled(runtime))
    return `must be none or bridge under ${runtime}, whose own network stack goes past an allow list`;
  return egressFault(value);
}

function tmpfsFault(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return 'must map directories to sizes, such as {"/cache": "64m"}';
  }
  for (const [target, size] of Object.entries(value)) {
    const fault = targetFault(target) ?? sizeFault(size);
    if (fault) return `${target} ${fault}`;
  }
  return undefined;
}

function targetFault(value: unknown): string | undefined {
  if (typeof value !== 'string' || !TARGET.test(value) || value.split('/').includes('..')) {
    return 'must be an absolute path without ..';
  }
  return TAKEN.test(value) ? 'must not be a directory that the container needs for itself' : undefined;
}
