import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { Allow } from 'class-validator';
import type { DriverType } from '../domain/blueprint.js';
import type { Exit } from '../domain/command.js';
import { unlessAborted } from './aborted.js';
import {
  type Activation,
  type BlueprintView,
  type Built,
  type Call,
  type Cleaned,
  type Driver,
  DriverError,
  type Files,
  type LeaseView,
  type Listing,
  type OnOutput,
  type ProcessSpec,
  type ResourceView,
  type Verification,
  type Watch,
} from './driver.js';

/** A call of one of the driver's methods, as it begins. */
export interface FakeCall {
  method: 'build' | 'verify' | 'activate' | 'execute' | 'endCommand' | 'write' | 'clean' | 'cut' | 'destroy';
  /** Id of the resource, lease or command. */
  id: string;
  /** Which call of this method on this subject it is, from 1. */
  nth: number;
  signal: AbortSignal;
}

/** A file is read in pieces of at most so many bytes. */
const PIECE_BYTES = 65_536;

/** The fields of the real drivers that decisions rest on, whatever their values. */
class FakeSpec {
  @Allow() image?: unknown;
  @Allow() network?: unknown;
  @Allow() runtime?: unknown;
  @Allow() hosts?: unknown;
  @Allow() gitCredential?: unknown;
}

/**
 * A complete driver over nothing, for tests: it remembers what exists, runs a few commands, and does to each call what
 * `script` says: wait, throw, or let it be.
 */
export class FakeDriver implements Driver {
  readonly schema: new () => object = FakeSpec;
  readonly activatesLeases: boolean;
  readonly shareable: boolean;
  /** Names of the blueprints whose endpoints do not answer when asked what there is. */
  readonly silent = new Set<string>();
  readonly calls: Omit<FakeCall, 'signal'>[] = [];
  readonly watch?: Watch;
  /** Who listens now; each is told the id of a resource that ended, or why it can't listen any more. */
  readonly listeners = new Set<(told: string | DriverError) => void>();
  private readonly contents = new Map<string, Map<string, Buffer>>();

  constructor(
    readonly type: DriverType,
    readonly script: (call: FakeCall) => Promise<void> | void = () => undefined,
    /** Ids of the resources that exist; may be shared with the fakes of other processes. */
    readonly existing: Set<string> = new Set(),
  ) {
    this.activatesLeases = type === 'working-copy';
    this.shareable = type === 'ssh-host' || type === 'local-host';
    // As with the real ones, only engines tell of their own.
    if (type === 'docker-host')
      this.watch = { place: () => 'fake', begin: async (_blueprint, _broker, call) => this.listen(call) };
  }

  places(spec: Record<string, unknown>): string[] | null {
    return this.type === 'ssh-host' ? (spec.hosts as { name: string }[]).map(({ name }) => name) : null;
  }

  async build({ id }: ResourceView, call: Call): Promise<Built> {
    await this.begin('build', id, call);
    this.existing.add(id);
    return { handle: { fake: id }, machine: { bootId: `fake ${id}` } };
  }

  async verify({ id }: ResourceView, call: Call): Promise<Verification> {
    await this.begin('verify', id, call);
    this.mustExist(id);
    return { facts: { fake: true }, differences: [] };
  }

  async activate({ id, attributes, resource }: LeaseView, call: Call): Promise<Activation> {
    await this.begin('activate', id, call);
    this.mustExist(resource.id);
    const repositories = Object.entries(attributes.repositories ?? {});
    return {
      access: { directory: '/fake' },
      contents: Object.fromEntries(repositories.map(([name, { uri }]) => [name, uri])),
    };
  }

  /** Knows `echo WORDS`, `cat` of stdin, `exit N` and `sleep` until it is ended. */
  async execute(
    lease: LeaseView,
    { id, argv, stdin, timeoutSeconds }: ProcessSpec,
    onOutput: OnOutput,
    call: Call,
  ): Promise<Exit> {
    await this.begin('execute', id, call);
    this.mustExist(lease.resource.id);
    const words = argv[0] === 'sh' ? (argv[2] ?? '').split(' ') : argv;
    switch (words[0]) {
      case 'echo':
        await onOutput('stdout', Buffer.from(`${words.slice(1).join(' ')}\n`));
        return { kind: 'exited', exitCode: 0 };
      case 'cat':
        await onOutput('stdout', stdin ?? Buffer.alloc(0));
        return { kind: 'exited', exitCode: 0 };
      case 'exit':
        return { kind: 'exited', exitCode: Number(words[1]) };
      case 'sleep':
        return { kind: await ended(call.signal, timeoutSeconds) };
      default:
        await onOutput('stderr', Buffer.from(`${words[0]}: not found on ${lease.resource.id}\n`));
        return { kind: 'exited', exitCode: 127 };
    }
  }

  async endCommand({ resource }: LeaseView, commandId: string, call: Call): Promise<void> {
    await this.begin('endCommand', commandId, call);
    this.mustExist(resource.id);
  }

  files({ id, resource }: LeaseView): Files {
    const files = this.contents.get(id) ?? new Map<string, Buffer>();
    this.contents.set(id, files);
    return {
      read: async (path) => {
        this.mustExist(resource.id);
        return Readable.from(pieces(files.get(path) ?? Buffer.alloc(0)));
      },
      write: async (path, content, call) => {
        await this.begin('write', id, call);
        this.mustExist(resource.id);
        files.set(path, await unlessAborted(buffer(content), call, 'Writing'));
      },
      artifacts: async () => {
        this.mustExist(resource.id);
        return Readable.from([Buffer.alloc(1024)]);
      },
      unpack: async () => files.clear(),
    };
  }

  async clean({ id }: ResourceView, call: Call): Promise<Cleaned> {
    await this.begin('clean', id, call);
    this.mustExist(id);
    return { checked: ['nothing is there'] };
  }

  async cut({ id }: LeaseView, call: Call): Promise<void> {
    await this.begin('cut', id, call);
    this.contents.delete(id);
  }

  async destroy({ id }: ResourceView, call: Call): Promise<void> {
    await this.begin('destroy', id, call);
    this.existing.delete(id);
  }

  async list({ name }: BlueprintView): Promise<Listing> {
    if (this.silent.has(name))
      throw new DriverError('unreachable', `${name} does not answer.`, { temporary: true });
    const found = [...this.existing].map((id) => ({
      resourceId: id,
      name: `fake ${id}`,
      place: null,
      alive: true,
    }));
    return { found, silent: [] };
  }

  private async *listen({ signal }: Call): AsyncGenerator<string> {
    const told: (string | DriverError)[] = [];
    let wake = () => {};
    const hear = (news: string | DriverError) => {
      told.push(news);
      wake();
    };
    signal.addEventListener('abort', () => wake());
    this.listeners.add(hear);
    try {
      while (!signal.aborted) {
        const next = told.shift();
        if (next instanceof DriverError) throw next;
        if (next !== undefined) yield next;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      this.listeners.delete(hear);
    }
  }

  private mustExist(id: string): void {
    if (!this.existing.has(id)) throw new DriverError('resource-lost', `${id} is gone.`);
  }

  private async begin(method: FakeCall['method'], id: string, { signal }: Call): Promise<void> {
    const nth = this.calls.filter((call) => call.method === method && call.id === id).length + 1;
    this.calls.push({ method, id, nth });
    await this.script({ method, id, nth, signal });
  }
}

function* pieces(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; at += PIECE_BYTES) yield content.subarray(at, at + PIECE_BYTES);
}

function ended(signal: AbortSignal, timeoutSeconds: number): Promise<'cancelled' | 'timed-out'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('cancelled');
    const timer = setTimeout(() => resolve('timed-out'), timeoutSeconds * 1000);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve('cancelled');
    });
  });
}
