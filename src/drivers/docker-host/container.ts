import type { Duplex } from 'node:stream';
import type Dockerode from 'dockerode';
import { type Call, DriverError, type DriverFaultCode } from '../driver.js';
import type { Faults } from './docker-errors.js';
import type { Engine } from './engine.js';
import type { Answer, ExecSpec, Execution } from './execution.js';
import { frames } from './frames.js';
import { startInLane } from './lane.js';
import { Standby } from './standby.js';

/** Time for the engine to say whether a container runs, in milliseconds. */
const LOOK_MS = 10_000;

/** Time that a container which is ending may take to be told as ended, in milliseconds. */
const ENDING_MS = 5_000;

/** Faults after which the container need not be looked for: it was just now, or the engine was not heard, or was asked for nonsense. */
const SETTLED: readonly DriverFaultCode[] = ['resource-lost', 'unreachable', 'timed-out', 'invalid'];

/** Time for the engine to start a process, in milliseconds; it takes some 70. */
const START_MS = 30_000;

/** What was opened or started ahead for a process. */
export interface Ahead {
  /** What may become the first process with stdin. */
  standby?: Promise<Standby | undefined>;
  /** Gives a connection to the container's own streams, once. */
  takeAttached?: () => Promise<Duplex | undefined>;
}

/** One container of an engine. */
export class Container {
  constructor(
    readonly engine: Engine,
    readonly name: string,
    /** Whether its idle process keeps a lane, see `idle.ts`. */
    readonly hasLane = false,
    private readonly ahead: Ahead = {},
  ) {}

  /** One request about this container, as `Engine.ask`. */
  ask<T>(
    call: Call,
    request: (container: Dockerode.Container, abortSignal: AbortSignal) => Promise<T>,
    faults?: Faults,
  ): Promise<T> {
    return this.engine.ask(call, (docker, signal) => request(docker.getContainer(this.name), signal), faults);
  }

  /**
   * Does what needs the container to run. The engine answers in several ways where it does not, so that after any fault
   * it is looked for: where it is gone, that is the fault.
   */
  async running<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (fault) {
      if (!(fault instanceof DriverError) || SETTLED.includes(fault.code)) throw fault;
      throw (await this.loss(fault)) ?? fault;
    }
  }

  /** `resource-lost` where the container is gone or does not run; undefined where it runs, or can't be asked for. */
  async loss(cause?: unknown): Promise<DriverError | undefined> {
    const call = { signal: AbortSignal.timeout(LOOK_MS) };
    try {
      const { State } = await this.ask(call, (it, abortSignal) => it.inspect({ abortSignal }));
      return State.Running
        ? undefined
        : new DriverError('resource-lost', 'The container does not run any more.', { cause });
    } catch (fault) {
      if (!(fault instanceof DriverError)) throw fault;
      if (fault.code !== 'not-found') return undefined;
      return new DriverError('resource-lost', 'The container is gone from its engine.', { cause });
    }
  }

  /** Whether the container has ended, or does within so many milliseconds: as long as one that is ending may take. */
  async ends(withinMs = ENDING_MS): Promise<boolean> {
    if (await this.loss()) return true;
    if (withinMs === 0) return false;
    const call = { signal: AbortSignal.timeout(withinMs) };
    return this.ask(call, (it, abortSignal) => it.wait({ condition: 'not-running', abortSignal })).then(
      () => true,
      () => false,
    );
  }

  /**
   * Starts a process as the container's user: through the lane or of a standby where these can take it, else by the
   * engine.
   */
  async start(spec: ExecSpec, call: Call): Promise<Execution> {
    if (spec.hasStdin) {
      const standby = await this.engine.ask(call, async () => this.ahead.standby);
      return standby?.become(spec) ?? this.startByEngine(spec, call);
    }
    return (this.hasLane && (await startInLane(this, spec, call))) || this.startByEngine(spec, call);
  }

  /** Starts a standby; resolves once it is there. */
  async standBy(call: Call): Promise<Standby | undefined> {
    const execution = await this.startByEngine(Standby.spec, call);
    return this.engine.ask(call, () => Standby.from(execution));
  }

  /** A connection to the streams of the container's own process. One that comes after the call is over is closed: unread, it would hold up the output for all others. */
  async attach(call: Call): Promise<Duplex> {
    const streams = { hijack: true, stream: true, stdin: true, stdout: true, stderr: true };
    let late = false;
    try {
      return await this.ask(call, async (it) => {
        const stream = (await this.ahead.takeAttached?.()) ?? ((await it.attach(streams)) as Duplex);
        // Whoever reads learns of it.
        stream.on('error', () => undefined);
        if (late) stream.destroy();
        return stream;
      });
    } catch (fault) {
      late = true;
      throw fault;
    }
  }

  /** As `start`, by the engine in any case. */
  async startByEngine({ argv, env = {}, hasStdin = false }: ExecSpec, call: Call): Promise<Execution> {
    const exec = await this.ask(call, (container, abortSignal) =>
      container.exec({
        Cmd: argv,
        Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
        AttachStdin: hasStdin,
        AttachStdout: true,
        AttachStderr: true,
        abortSignal,
      }),
    );
    // Past the call's own signal: a process whose start nobody saw would run on, and nobody would end it.
    const patient = { signal: AbortSignal.timeout(START_MS) };
    const stream = await this.engine.ask(patient, () => exec.start({ hijack: true, stdin: hasStdin }));
    // Whoever reads the output learns of it; one that writes to a process that reads no stdin need not.
    stream.on('error', () => undefined);
    return {
      stream,
      output: frames(stream),
      status: async (asking) => {
        const { Running, ExitCode } = await this.engine.ask(asking, (_docker, abortSignal) =>
          exec.inspect({ abortSignal }),
        );
        return { running: Running, exitCode: ExitCode };
      },
    };
  }

  /** Runs a process of the driver's own to its end, and gathers what it writes: small things only. */
  async answer(spec: ExecSpec, call: Call): Promise<Answer> {
    return this.gather(await this.start(spec, call), call);
  }

  /** The same, never through the lane. */
  async answerByEngine(spec: ExecSpec, call: Call): Promise<Answer> {
    return this.gather(await this.startByEngine(spec, call), call);
  }

  private async gather({ stream, output, status }: Execution, call: Call): Promise<Answer> {
    const giveUp = () => stream.destroy();
    call.signal.addEventListener('abort', giveUp);
    try {
      const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
      await this.engine.ask(call, async () => {
        for await (const frame of output) chunks[frame.stream].push(frame.chunk);
      });
      const { exitCode } = await status(call);
      return { exitCode, stdout: Buffer.concat(chunks.stdout), stderr: Buffer.concat(chunks.stderr) };
    } finally {
      call.signal.removeEventListener('abort', giveUp);
      giveUp();
    }
  }
}
