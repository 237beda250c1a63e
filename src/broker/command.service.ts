import { setImmediate } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Command, DEFAULT_COMMAND_SECONDS, type Exit, OUTPUT_KEPT_BYTES } from '../domain/command.js';
import type { Principal } from '../domain/consumer.js';
import { BrokerError } from '../domain/errors.js';
import { Mask } from '../domain/mask.js';
import type { Tier } from '../domain/tier.js';
import { DriverError, type LeaseView, type ProcessSpec, type ResourceView } from '../drivers/driver.js';
import {
  type Added,
  type CommandStore,
  type NewCommand,
  type OutputChunk,
  RUNNER_SECONDS,
} from '../store/command.store.js';
import type { InstallationStore } from '../store/installation.store.js';
import type { LeaseRow, LeaseStore } from '../store/lease.store.js';
import type { Page, PageRequest } from '../store/page.js';
import { leaseFor, mustBeActive, mustHold } from './access.js';
import type { Credentials } from './credentials.js';
import { type Environment, mustAllowSecrets, openEnvironment } from './environment.js';
import type { Heartbeat } from './heartbeat.js';
import { newId } from './ids.js';
import type { Waiting } from './lease.service.js';
import type { Losses } from './losses.js';
import { MaskedOutput } from './masked-output.js';
import { OutputRecord } from './output-record.js';
import type { Secrets } from './secrets.js';
import type { Signals } from './signals.js';
import type { Driven, Views } from './views.js';
import { whenAvailable } from './when-available.js';

/** What to run; its environment comes over the lease's. */
export interface CommandRequest extends Environment {
  /** Words as given to exec; or else `shell`, which is then there. */
  argv?: string[];
  /** Text for `sh -c`. */
  shell?: string;
  /** Relative to the lease's directory. */
  cwd?: string;
  stdin?: string;
  timeoutSeconds?: number;
}

export interface CommandServiceParts {
  commands: CommandStore;
  leases: LeaseStore;
  installation: InstallationStore;
  views: Views;
  losses: Losses;
  secrets: Secrets;
  credentials: Credentials;
  signals: Signals;
  heartbeat: Heartbeat;
  log: Logger;
  processId: string;
}

/** Pieces of output read from the database at a time. */
const OUTPUT_PAGE = 64;

/** Runs commands on leases, each recorded before it starts and completed after. */
export class CommandService {
  private readonly running = new Map<string, Running>();
  private heartbeat: NodeJS.Timeout | undefined;

  constructor(private readonly parts: CommandServiceParts) {}

  /** Begins to say, every few seconds, that what runs here is alive, and to end what is to end. */
  begin(): void {
    this.heartbeat = setInterval(() => void this.beat(), (RUNNER_SECONDS * 1000) / 3);
  }

  /** Cancels what runs and waits until its records are complete. */
  async stop(): Promise<void> {
    clearInterval(this.heartbeat);
    this.abandon();
    await Promise.all([...this.running.values()].map(({ done }) => done));
  }

  /** Ends what runs: nobody believes any more that it does. */
  abandon(): void {
    for (const { abort } of this.running.values()) abort.abort();
  }

  /** Starts a command; the answer is its record, ended where it ended within `waitSeconds`. Repeating it under the same `id` is safe. */
  async start(
    leaseId: string,
    request: CommandRequest,
    by: Principal,
    { id = newId('cmd'), fence, ...waiting }: Waiting & { id?: string; fence?: number },
  ): Promise<Command> {
    const { commands, leases, installation, secrets, signals, views, heartbeat } = this.parts;
    const held = views.heldBy(leaseId);
    const lease = await leaseFor(leases, leaseId, by, 'act');
    const { cwd = null, stdin, timeoutSeconds = DEFAULT_COMMAND_SECONDS } = request;
    const argv = request.argv ?? ['sh', '-c', request.shell as string];
    try {
      mustBeActive(lease, fence, heartbeat);
    } catch (error) {
      // What is sent again is answered also when the lease is over by now.
      if (await commands.get(id)) return this.settled(leaseId, id, waiting);
      throw error;
    }
    if (request.secrets) mustAllowSecrets(request.secrets, (await installation.tier(lease.tier)) as Tier);
    const given = [openEnvironment(secrets, lease), request];
    const hidden = given.flatMap((one) => Object.values(one.secrets ?? {}));
    const mask = new Mask(hidden);
    const shown = argv.map((word) => mask.text(word));
    const process: ProcessSpec = {
      id,
      argv,
      cwd,
      env: Object.assign({}, ...given.flatMap((one) => [one.env, one.secrets])),
      stdin: stdin === undefined ? null : Buffer.from(stdin),
      timeoutSeconds,
    };
    const record = { id, leaseId, argv: shown, cwd, timeoutSeconds };
    const { outcome, record: seen } = await this.run(
      views.lease(lease, held),
      lease,
      record,
      process,
      hidden,
    );
    // It is over by now, and told as such.
    if (outcome === 'over') return this.start(leaseId, request, by, { id, fence, ...waiting });
    if (outcome === 'added') signals.send('events');
    return this.settled(leaseId, id, waiting, seen);
  }

  /** The record; with `waitSeconds`, once the command has ended. */
  async get(leaseId: string, id: string, by: Principal, waiting: Waiting = {}): Promise<Command> {
    await leaseFor(this.parts.leases, leaseId, by, 'read');
    return this.settled(leaseId, id, waiting);
  }

  async list(leaseId: string, page: PageRequest, by: Principal): Promise<Page<Command>> {
    await leaseFor(this.parts.leases, leaseId, by, 'read');
    return this.parts.commands.list(leaseId, page);
  }

  /** Ends the command's processes, wherever it runs; one that has ended stays as it did. */
  async cancel(leaseId: string, id: string, by: Principal, { fence }: { fence?: number }): Promise<Command> {
    mustHold(await leaseFor(this.parts.leases, leaseId, by, 'act'), fence);
    const command = await this.record(leaseId, id);
    if (hasEnded(command)) return command;
    await this.parts.commands.cancel(id);
    this.parts.signals.send(`cancel ${id}`);
    return this.get(leaseId, id, by, { waitSeconds: 10 });
  }

  /**
   * The output so far, and with `follow` all that comes until the command has ended: where it runs in this process also
   * what is not kept.
   */
  async *output(
    leaseId: string,
    id: string,
    by: Principal,
    { after = 0, follow, signal }: { after?: number; follow: boolean; signal: AbortSignal },
  ): AsyncIterable<OutputChunk> {
    await leaseFor(this.parts.leases, leaseId, by, 'read');
    const { commands, signals } = this.parts;
    // From the beginning: while the head is read from the database, what comes after it waits.
    let live = follow ? this.running.get(id)?.output.follow(after, signal) : undefined;
    for (let last = after; ; ) {
      if (live && last >= OUTPUT_KEPT_BYTES) {
        for await (const chunk of live) {
          yield chunk;
          last = chunk.seq;
        }
        live = undefined;
      }
      const look = async () => ({
        command: await this.record(leaseId, id),
        chunks: await commands.output(id, last, OUTPUT_PAGE),
      });
      const { command, chunks } = await signals.until(
        `output ${id}`,
        look,
        (seen) => !follow || seen.chunks.length > 0 || hasEnded(seen.command),
        { waitSeconds: 30, signal },
      );
      yield* chunks;
      last = chunks.at(-1)?.seq ?? last;
      if (signal.aborted || (chunks.length === 0 && (!follow || hasEnded(command)))) return;
    }
  }

  /** The record, `seen` just now if it is given; with `waitSeconds`, once the command has ended. */
  private settled(leaseId: string, id: string, waiting: Waiting, seen?: Command): Promise<Command> {
    let first = seen;
    const look = async () => {
      const record = first ?? (await this.record(leaseId, id));
      first = undefined;
      return record;
    };
    return this.parts.signals.until(id, look, hasEnded, waiting);
  }

  private async record(leaseId: string, id: string): Promise<Command> {
    const command = await this.parts.commands.get(id);
    if (command?.leaseId !== leaseId)
      throw new BrokerError('not-found', `There is no command ${id} on this lease.`);
    return command;
  }

  /** Runs the command if it could be recorded. The way to it is opened meanwhile. */
  private async run(
    view: Promise<Driven<LeaseView>>,
    lease: LeaseRow,
    record: NewCommand,
    command: ProcessSpec,
    hidden: readonly string[],
  ): Promise<Added> {
    const { commands, signals, log, processId } = this.parts;
    const abort = new AbortController();
    // Heard from before the record on, which is made only where the lease is not over by then.
    const stops = [`over ${lease.id}`, `cancel ${command.id}`].map((topic) =>
      signals.on(topic, () => abort.abort()),
    );
    const driven = view.then(async (driven) => {
      await setImmediate(); // the record goes first, and is made meanwhile
      driven.driver.expectCommand?.(driven.view);
      return driven;
    });
    driven.catch(() => undefined); // told by the record, if there is one
    const deafen = () => {
      for (const stop of stops) stop();
    };
    let added: Added | undefined;
    try {
      added = await commands.add(record, lease, processId);
    } finally {
      if (added?.outcome !== 'added') deafen();
    }
    if (added.outcome !== 'added') return added;
    const output = new OutputRecord(commands, command.id, () => signals.send(`output ${command.id}`));
    const done = this.execute(driven, command, { output, hidden, signal: abort.signal })
      .catch((error: unknown) =>
        log.error(
          { err: error, command: command.id, lease: lease.id },
          'a command’s record could not be completed',
        ),
      )
      .finally(() => {
        deafen();
        this.running.delete(command.id);
        signals.send('events', command.id, `output ${command.id}`);
      });
    this.running.set(command.id, { abort, done, output });
    return added;
  }

  private async execute(
    driven: Promise<Driven<LeaseView>>,
    command: ProcessSpec,
    { output, hidden, signal }: { output: OutputRecord; hidden: readonly string[]; signal: AbortSignal },
  ): Promise<void> {
    const { commands, losses, credentials, signals } = this.parts;
    let exit: Exit;
    let resource: ResourceView | undefined;
    const shown = new MaskedOutput(async () => {
      const used = (await driven.catch(() => undefined))?.view.resource;
      return [...hidden, ...(used ? await whenAvailable(() => credentials.secretsOf(used)) : [])];
    }, output);
    try {
      const { driver, view } = await driven;
      resource = view.resource;
      exit = signal.aborted
        ? { kind: 'cancelled', reason: 'The lease ended before the command started.' }
        : await driver
            .execute(view, command, (stream, chunk) => shown.add(stream, chunk), { signal })
            .finally(() => shown.end());
    } catch (error) {
      if (resource) await losses.met(error, resource);
      exit = {
        kind: 'lost',
        reason: error instanceof DriverError ? error.message : 'The broker failed while it ran.',
      };
    }
    const rest = await output.end();
    if (exit.kind !== 'exited' && exit.reason) exit.reason = await shown.text(exit.reason);
    const record = await whenAvailable(() => commands.ended(command.id, exit, { bytes: output.bytes, rest }));
    if (record) signals.show(command.id, record);
  }

  private async beat(): Promise<void> {
    const ids = [...this.running.keys()];
    if (ids.length === 0) return;
    try {
      for (const id of await this.parts.commands.alive(ids)) this.running.get(id)?.abort.abort();
    } catch (error) {
      this.parts.log.warn({ err: error, commands: ids }, 'could not say that commands run');
    }
  }
}

interface Running {
  abort: AbortController;
  done: Promise<void>;
  output: OutputRecord;
}

function hasEnded({ state }: Command): boolean {
  return state !== 'queued' && state !== 'running';
}
