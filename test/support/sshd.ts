import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Sshd {
  address: string;
  port: number;
  /** `ssh-ed25519 AAAA…`, as a blueprint pins it; changes with `changeHostKey`. */
  hostKey: string;
  /** The one key that may log in, whoever's. */
  privateKey: string;
  user: string;
  /** An empty directory for the hosts' resources, gone with `stop`. */
  root: string;
  /** Ends the daemon and every session of its, as a crash of the machine would; `resume` starts it on the same port. */
  halt(): Promise<void>;
  resume(): Promise<void>;
  /** Ends every session of the daemon, as a cut of the network would; new ones are let in. */
  dropSessions(): Promise<void>;
  /** Stops every session where it is, as a machine that hangs would; new ones are let in. */
  freezeSessions(): Promise<void>;
  /** How many connections it has. */
  connections(): Promise<number>;
  /** Ids of the processes that its sessions have begun, and of what these have in turn. */
  processes(): Promise<number[]>;
  /** A further key, for this user alone. @returns the private one */
  authorize(user: string): Promise<string>;
  /** Takes effect for connections made after. */
  changeHostKey(): Promise<void>;
  stop(): Promise<void>;
}

export interface SshdOptions {
  /** Who owns the root and is `user`; the one who runs the tests unless it is said otherwise. */
  user?: string;
  /** Further lines for sshd_config. */
  config?: string[];
}

/** A real sshd on loopback, with keys of its own. */
export async function startSshd({
  user = userInfo().username,
  config: more = [],
}: SshdOptions = {}): Promise<Sshd> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-sshd-'));
  const root = join(directory, 'root');
  await mkdir(root);
  // sshd reads the authorized keys as who logs in.
  await chmod(directory, 0o711);
  if (user !== userInfo().username) await run('chown', [user, root]);
  // Where it separates privileges, sshd insists on this directory; packages leave its making to the service.
  await mkdir('/run/sshd', { recursive: true, mode: 0o755 }).catch(() => undefined);
  await makeKey(join(directory, 'client'));
  await makeKey(join(directory, 'host'));
  await writeFile(join(directory, 'authorized_keys'), await readFile(join(directory, 'client.pub')), {
    mode: 0o644,
  });
  const port = await freePort();
  await writeFile(join(directory, 'sshd_config'), [...config(directory, port), ...more, ''].join('\n'));
  const publicKey = async () =>
    (await readFile(join(directory, 'host.pub'), 'utf8')).split(' ').slice(0, 2).join(' ');

  let daemon = await start(directory, port);
  const sshd: Sshd = {
    address: '127.0.0.1',
    port,
    hostKey: await publicKey(),
    privateKey: await readFile(join(directory, 'client'), 'utf8'),
    user,
    root,
    halt: () => end(daemon),
    resume: async () => {
      daemon = await start(directory, port);
    },
    dropSessions: async () => signal('SIGKILL', await sessionsOf(daemon)),
    freezeSessions: async () => signal('SIGSTOP', (await below(daemon)).map(pidOf)),
    connections: async () => (await sessionsOf(daemon)).length,
    processes: () => processesOf(daemon),
    authorize: async (name) => {
      const key = join(directory, `client-${name}`);
      await makeKey(key);
      await writeFile(join(directory, `authorized_keys.${name}`), await readFile(`${key}.pub`), {
        mode: 0o644,
      });
      return readFile(key, 'utf8');
    },
    changeHostKey: async () => {
      await end(daemon);
      await rm(join(directory, 'host'));
      await makeKey(join(directory, 'host'));
      daemon = await start(directory, port);
      sshd.hostKey = await publicKey();
    },
    stop: async () => {
      await end(daemon);
      await rm(directory, { recursive: true, force: true });
    },
  };
  return sshd;
}

function config(directory: string, port: number): string[] {
  return [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(directory, 'host')}`,
    `AuthorizedKeysFile ${join(directory, 'authorized_keys')} ${join(directory, 'authorized_keys.%u')}`,
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'UsePAM no',
    'StrictModes no',
    // Else bash runs what the developer keeps in ~/.bashrc for each command: 200 ms with pyenv.
    `SetEnv HOME=${directory}`,
    'PidFile none',
    'PrintMotd no',
  ];
}

async function makeKey(path: string): Promise<void> {
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path]);
  await chmod(path, 0o600);
}

async function start(directory: string, port: number): Promise<ChildProcess> {
  const daemon = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(directory, 'sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    daemon.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('Server listening')) resolve();
    });
    daemon.once('error', reject);
    daemon.once('exit', () => reject(new Error(`sshd on port ${port} ended: ${said}`)));
  });
  return daemon;
}

async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  const sessions = await sessionsOf(daemon);
  daemon.kill('SIGKILL');
  signal('SIGKILL', sessions);
  await ended;
}

/** Sessions are children of the daemon, in process groups of their own: each is ended by its id. */
async function sessionsOf(daemon: ChildProcess): Promise<number[]> {
  const found = run('ps', ['-o', 'pid=', '--ppid', String(daemon.pid)]);
  const { stdout } = await found.catch(() => ({ stdout: '' }));
  return stdout.split('\n').map(Number).filter(Boolean);
}

async function processesOf(daemon: ChildProcess): Promise<number[]> {
  return (await below(daemon)).filter(([, , name]) => name !== 'sshd').map(pidOf);
}

/** What has come from it, each as pid, its parent's and name. */
async function below({ pid }: ChildProcess): Promise<string[][]> {
  const { stdout } = await run('ps', ['-e', '-o', 'pid=,ppid=,comm=']);
  const all = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  const from = (parent: string): string[][] =>
    all.filter(([, ppid]) => ppid === parent).flatMap((found) => [found, ...from(found[0] ?? '')]);
  return from(String(pid));
}

function pidOf([pid]: string[]): number {
  return Number(pid);
}

function signal(name: 'SIGKILL' | 'SIGSTOP', pids: number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended between.
    }
  }
}

/** A user of this machine, made for the test, with a home where it may write nothing, and no password. Needs root. */
export interface SystemUser {
  name: string;
  /** Ends its processes and takes it away. */
  remove(): Promise<void>;
}

/** Whether the tests may make users of the machine. */
export const canMakeUsers = process.getuid?.() === 0;

export async function makeSystemUser({ home = '/' } = {}): Promise<SystemUser> {
  const name = `berth-${randomBytes(6).toString('hex')}`;
  await run('/usr/sbin/useradd', ['-r', '-M', '-d', home, '-s', '/bin/sh', '-p', '*', name]);
  const remove = async () => {
    const { stdout } = await run('ps', ['-o', 'pid=', '-U', name]).catch(() => ({ stdout: '' }));
    signal('SIGKILL', stdout.split('\n').map(Number).filter(Boolean));
    await run('/usr/sbin/userdel', ['--force', name]);
  };
  return { name, remove };
}

/** A port of loopback that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('No free port.');
  return address.port;
}

/** Resolves once something listens on the port. */
export async function listening(port: number): Promise<void> {
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    await new Promise(setImmediate);
  }
}
