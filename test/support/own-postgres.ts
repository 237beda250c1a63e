import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/embedded-postgres.js';

/** A PostgreSQL of a test's own, which may be stopped and started again; its address stays. */
export class OwnPostgres {
  private constructor(
    private readonly dataDir: string,
    private server: EmbeddedPostgres,
  ) {}

  /** In `dataDir`, or in a directory of its own. */
  static async start(dataDir?: string): Promise<OwnPostgres> {
    const directory = dataDir ?? (await mkdtemp(join(tmpdir(), 'berth-postgres-')));
    await chmod(directory, 0o711); // the server may have to run as another user
    return new OwnPostgres(directory, await launch(directory));
  }

  get url(): string {
    return this.server.url;
  }

  async stop(): Promise<void> {
    await this.server.stop();
  }

  /** Halts all its processes, as a machine does that hangs: it keeps its connections, and answers nothing. */
  async hang(): Promise<void> {
    await this.signal('STOP');
  }

  async goOn(): Promise<void> {
    await this.signal('CONT');
  }

  private async signal(name: 'STOP' | 'CONT'): Promise<void> {
    const { pid } = this.server;
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    for (const one of [pid, ...children.trim().split(' ').map(Number)]) process.kill(one, `SIG${name}`);
  }

  /** Starts it again, whether it was stopped, has ended or runs. */
  async restart(): Promise<void> {
    await this.stop();
    this.server = await launch(this.dataDir);
  }

  async remove(): Promise<void> {
    await this.server.stop();
    await rm(this.dataDir, { recursive: true, force: true }).catch(() => undefined); // a mount point stays
  }
}

function launch(dataDir: string): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataDir, holder: 'a test', log: () => undefined });
}
