import type { Exit } from '../../domain/command.js';
import {
  type Activation,
  type Call,
  type Cleaned,
  DriverError,
  type Files,
  type Found,
  type LeaseView,
  type OnOutput,
  type ProcessSpec,
  type ResourceView,
} from '../driver.js';
import {
  emptyScript,
  isId,
  leaseDirectory,
  prepareScript,
  removeScript,
  resourceDirectory,
} from './lease-directory.js';
import { killCommandScript, killScript, markScript } from './process-tree.js';
import { quote } from './quote.js';
import { type CommandRun, runCommand } from './run-command.js';
import { complete, couldNotMake, enter, exitWith, type Shell } from './shell.js';
import { shellFiles } from './shell-files.js';
import type { Standbys } from './standby.js';

/** What a host tells of itself. */
export interface HostFacts {
  user: string;
  bootId: string;
  system: string;
  /** Modes, owner and group of the resource's directory, as `ls` writes them. */
  directory: string;
  label: string;
  freeBytes: number;
  /** Whether processes of leases bear their mark, so that they can be found and ended. */
  marked: boolean;
}

/**
 * A resource on a POSIX machine: a directory `<root>/berth-<resource>` that bears the broker's id, in it one for each
 * lease. The same over SSH and here; only the shell differs, and whether others wait for its commands.
 */
export class PosixHost {
  constructor(
    private readonly shell: Shell,
    private readonly root: string,
    private readonly standbys?: Standbys,
  ) {}

  /**
   * Makes and labels the directory.
   * @param umask of what is made
   * @returns the root without links in it, and the machine's boot id.
   */
  async claim(resource: ResourceView, call: Call, umask = '077'): Promise<{ root: string; bootId: string }> {
    const directory = quote(`./${resourceDirectory('', resource.id).slice(1)}`);
    const script = `
umask ${umask}
mkdir -p ${quote(this.root)} && cd -P ${quote(this.root)} || ${couldNotMake(this.root)}
mkdir ${directory} 2> /dev/null || [ -e ${directory} ] || [ -L ${directory} ] || ${couldNotMake(this.root)}
[ -d ${directory} ] && [ ! -L ${directory} ] || { echo 'The root holds something else of that name.' >&2; ${exitWith('conflict')}; }
printf %s ${quote(resource.broker)} > ${directory}/broker.new && mv ${directory}/broker.new ${directory}/broker || ${couldNotMake(this.root)}
pwd -P
cat /proc/sys/kernel/random/boot_id`;
    const [root = '', bootId = ''] = (await complete(this.shell, 'Building', script, call)).split('\n');
    return { root, bootId };
  }

  async facts(resource: ResourceView, call: Call): Promise<HostFacts> {
    const mark = markScript({ resourceId: resource.id, leaseId: resource.id, command: 0 });
    const script = `
id -un
cat /proc/sys/kernel/random/boot_id
uname -sr
${enter(resourceDirectory(this.root, resource.id), 'resource-lost')}
ls -ld . | cut -d ' ' -f 1-4
head -c 200 broker | tr -d '\\n'; echo
df -Pk . | tail -n 1
(${mark} && grep -c '^Max file locks .*[0-9]' /proc/self/limits)
exit 0`;
    const lines = (await complete(this.shell, 'Verifying', script, call)).split('\n');
    const [user = '', bootId = '', system = '', directory = '', label = '', disk = '', marked = ''] = lines;
    const freeBytes = Number(disk.split(/\s+/)[3]) * 1024;
    return { user, bootId, system, directory, label, freeBytes, marked: marked === '1' };
  }

  async activate(lease: LeaseView, call: Call): Promise<Activation> {
    const directory = leaseDirectory(this.root, lease);
    await complete(this.shell, 'Activating', prepareScript(directory), call);
    const { work, artifacts, home, tmp } = directory;
    return { access: { directory: work, artifacts, home, tmp } };
  }

  execute(lease: LeaseView, process: ProcessSpec, onOutput: OnOutput, call: Call): Promise<Exit> {
    const run: CommandRun = { lease, directory: leaseDirectory(this.root, lease), process, onOutput };
    return runCommand(this.shell, run, call, this.standbys);
  }

  async endCommand({ id, resource }: LeaseView, commandId: string, call: Call): Promise<void> {
    const script = killCommandScript({ resourceId: resource.id, leaseId: id }, commandId);
    await complete(this.shell, 'Ending a command', script, call);
  }

  files(lease: LeaseView): Files {
    return shellFiles(this.shell, lease, leaseDirectory(this.root, lease));
  }

  /** @throws DriverError `not-clean` where a process or a file of the lease stays. */
  async cut(lease: LeaseView, call: Call): Promise<void> {
    const kill = killScript({ resourceId: lease.resource.id, leaseId: lease.id });
    const remove = removeScript(leaseDirectory(this.root, lease).lease);
    await complete(this.shell, 'Cutting the lease', `${kill}\n${remove}`, call);
  }

  /** Ends every lease of the resource and removes all but its label. */
  async clean(resource: ResourceView, call: Call): Promise<Cleaned> {
    const script = `
${killScript({ resourceId: resource.id })}
${enter(resourceDirectory(this.root, resource.id), 'resource-lost')}
${emptyScript('broker')}
[ "$(cat broker)" = ${quote(resource.broker)} ] || { echo 'The label was changed.' >&2; ${exitWith('not-clean')}; }`;
    await complete(this.shell, 'Cleaning', script, call);
    return {
      checked: ['no process of an earlier lease', 'no directory of an earlier lease', 'label unchanged'],
    };
  }

  async destroy(resource: ResourceView, call: Call): Promise<void> {
    const script = [
      killScript({ resourceId: resource.id }),
      removeScript(resourceDirectory(this.root, resource.id)),
    ].join('\n');
    await complete(this.shell, 'Destroying', script, call);
  }

  /** Whether other resources stand on the machine under the same root, whosever they are. */
  async hasOthers(resource: ResourceView, call: Call): Promise<boolean> {
    const own = resourceDirectory('', resource.id).slice(1);
    const script = `
cd -P ${quote(this.root)} 2> /dev/null || exit 0
for directory in berth-*; do
  [ "$directory" != ${quote(own)} ] && [ -f "./$directory/broker" ] && echo other
done
exit 0`;
    return (await complete(this.shell, 'Looking for others', script, call)) !== '';
  }

  /** Directories of this broker's own making: by name and label, and not what links lead to. */
  async list(broker: string, place: string | null, call: Call): Promise<Found[]> {
    const script = `
cd -P ${quote(this.root)} 2> /dev/null || exit 0
for directory in berth-*; do
  [ -d "./$directory" ] && [ ! -L "./$directory" ] && [ -f "./$directory/broker" ] || continue
  [ "$(head -c 200 "./$directory/broker" 2> /dev/null)" = ${quote(broker)} ] && printf '%s\\0' "$directory"
done
exit 0`;
    const names = (await complete(this.shell, 'Listing', script, call)).split('\0').filter(Boolean);
    return names
      .map((directory) => ({ directory, resourceId: directory.slice('berth-'.length) }))
      .filter(({ resourceId }) => isId(resourceId))
      .map(({ directory, resourceId }) => {
        const path = `${this.root === '/' ? '' : this.root}/${directory}`;
        return { resourceId, name: place === null ? path : `${place}:${path}`, place, alive: true };
      });
  }
}

/** The root that `build` found, else the one that was asked for: after a crash the handle may be empty. */
export function rootOf(resource: ResourceView, asked: string): string {
  const { root } = resource.handle;
  if (root === undefined) return asked;
  if (typeof root !== 'string') throw new DriverError('invalid', 'The handle has no root.');
  return root;
}
