import { isUtf8 } from 'node:buffer';
import { ApiPropertyOptional } from '@nestjs/swagger';
import type { CommandRequest } from '../broker/command.service.js';
import {
  type Command as CommandRecord,
  cwdFault,
  MAX_COMMAND_SECONDS,
  type OutputStream,
} from '../domain/command.js';
import { formatDuration } from '../domain/duration.js';
import { COMMAND, type CommandState } from '../domain/state-machine.js';
import { mustDiffer } from './environment.js';
import {
  Choice,
  DurationField,
  Environment,
  Optional,
  SECRETS_ARE,
  SecretEnvironment,
  Text,
  TextList,
  WholeText,
} from './fields.js';
import { malformed } from './input.pipe.js';
import { pageOf } from './page.dto.js';
import { Field, Nullable, NullableWhen, OneOf, Strings, When } from './response-fields.js';
import { seconds } from './times.js';

const STREAMS: OutputStream[] = ['stdout', 'stderr'];
const WORDS_MAX = 128 * 1024;

export class CommandBody {
  @Optional()
  @TextList(1000, WORDS_MAX, 'The program and its words. Either this or `shell`.')
  argv?: string[];

  @Optional()
  @Text(WORDS_MAX, 'Text for `sh -c`. Either this or `argv`.')
  shell?: string;

  @Optional()
  @Text(
    4096,
    'Directory to start in, relative to the lease’s and without `..`; left out: that, or the default repository.',
  )
  cwd?: string;

  @Optional()
  @Environment('On top of the lease’s.')
  env?: Record<string, string>;

  @Optional()
  @SecretEnvironment(`More of its environment, ${SECRETS_ARE}`)
  secrets?: Record<string, string>;

  @Optional()
  @Text(1024 * 1024, 'Text that it reads from its standard input.', 0)
  stdin?: string;

  @Optional()
  @DurationField('It is killed after this time; 10m when left out, at most 1d.')
  timeout?: string;
}

export class OutputQuery {
  @Optional()
  @Choice(STREAMS, 'This stream only.')
  stream?: OutputStream;

  @Optional()
  @WholeText(0, Number.MAX_SAFE_INTEGER, 'What comes after the piece of this `seq`.')
  after?: number;

  @Optional()
  @Choice(
    ['true', 'false'],
    'As text: go on, live, until the command has ended. An event stream always does.',
  )
  follow?: 'true' | 'false';
}

/** One process run on a leased resource. */
export class Command {
  @Field() id!: string;
  @Field('Id of the lease.') lease!: string;
  @Strings('Secrets are masked.') argv!: string[];
  @Nullable('string', 'Relative to the lease’s directory.') cwd!: string | null;
  @Field('Duration.') timeout!: string;
  @OneOf(Object.keys(COMMAND)) state!: CommandState;
  @Nullable('integer') exitCode!: number | null;
  @Nullable('string', 'Name of the signal that ended it, such as SIGKILL.') signal!: string | null;
  @Nullable('string', 'Why it ended, where the state alone does not say.') reason!: string | null;
  @Field('Bytes of its output, secrets counted as their masks, those that were not kept included.')
  outputBytes!: number;
  @When() createdAt!: Date;
  @NullableWhen() startedAt!: Date | null;
  @NullableWhen() endedAt!: Date | null;
}

export class CommandPage extends pageOf(Command) {}

/** `data` of the events `stdout` and `stderr` of a live output. */
export class OutputPiece {
  @Field('Grows along the output; send it as `after` to go on.') seq!: number;
  @OneOf(STREAMS) stream!: OutputStream;
  @ApiPropertyOptional({ description: 'The piece, where it is UTF-8.' }) text?: string;
  @ApiPropertyOptional({ description: 'The piece, where it is not.', format: 'byte' }) base64?: string;
}

/** @throws BrokerError `malformed` naming the faulty field. */
export function toCommandRequest({ timeout, ...body }: CommandBody): CommandRequest {
  const { argv, shell, cwd } = body;
  if ((argv === undefined) === (shell === undefined)) {
    throw malformed([{ path: 'argv', message: 'or shell must be given, one of the two' }]);
  }
  if (argv && (argv.length === 0 || argv[0] === '')) {
    throw malformed([{ path: 'argv', message: 'must open with a program' }]);
  }
  const outside = cwd === undefined ? undefined : cwdFault(cwd);
  if (outside) throw malformed([{ path: 'cwd', message: outside }]);
  mustDiffer(body);
  const timeoutSeconds = seconds(timeout);
  if (timeoutSeconds !== undefined && timeoutSeconds > MAX_COMMAND_SECONDS) {
    throw malformed([
      { path: 'timeout', message: `must be from 1s to ${formatDuration(MAX_COMMAND_SECONDS)}` },
    ]);
  }
  return { ...body, timeoutSeconds };
}

/** The environment is left out, since it may hold secrets. */
export function toCommand(record: CommandRecord): Command {
  const { id, leaseId, argv, cwd, timeoutSeconds, state, exitCode, signal, reason } = record;
  const { outputBytes, createdAt, startedAt, endedAt } = record;
  return {
    id,
    lease: leaseId,
    argv,
    cwd,
    timeout: formatDuration(timeoutSeconds),
    state,
    exitCode,
    signal,
    reason,
    outputBytes,
    createdAt,
    startedAt,
    endedAt,
  };
}

/** Text where nothing is lost by it. */
export function toOutputPiece(piece: { seq: number; stream: OutputStream; data: Buffer }): OutputPiece {
  const { seq, stream, data } = piece;
  return isUtf8(data)
    ? { seq, stream, text: data.toString() }
    : { seq, stream, base64: data.toString('base64') };
}
