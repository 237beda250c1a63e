import type { Exit } from '../../domain/command.js';
import {
  type Activation,
  type Call,
  type Cleaned,
  DriverError,
  type Files,
  type LeaseView,
  type OnOutput,
  type ProcessSpec,
  type ResourceView,
} from '../driver.js';
import {
  emptyScript,
  type LeaseDirectory,
  leaseDirectory,
  prepareScript,
  removeScript,
  resourceDirectory,
} from '../posix/lease-directory.js';
import { type HostFacts, PosixHost } from '../posix/posix-host.js';
import { killCommandScript, killScript, killUserScript } from '../posix/process-tree.js';
import { quote } from '../posix/quote.js';
import { runCommand } from '../posix/run-command.js';
import { complete, enter, exitWith, type Shell } from '../posix/shell.js';
import { shellFiles } from '../posix/shell-files.js';
import type { Standbys } from '../posix/standby.js';
import { fitnessScript, tidinessScript, tidyScript, UNFIT } from './work-user.js';

/** Where the leases' directories are, in the resource's. */
const LEASES = '/leases';
/** Tries to end the work user's processes, before they count as there to stay. */
const TRIES = 3;

export interface WorkUserFacts extends HostFacts {
  workUser: string;
  /** Why leases should not run as that user, one sentence each. */
  unfit: string[];
}

/**
 * A machine on which leases run as a user of their own, one lease at a time. The keeper, who is the broker's login,
 * has the resource's directory and its label; the work user has the directories of leases in it. What is to be ended or
 * removed is the work user's, so the work user does it; whether it is gone is for the keeper to say, whom nothing of a
 * lease can stop, change or deceive.
 */
export class WorkUserHost {
  private readonly kept: PosixHost;

  constructor(
    private readonly keeper: Shell,
    private readonly work: Shell,
    private readonly user: string,
    private readonly root: string,
    private readonly standbys?: Standbys,
  ) {
    this.kept = new PosixHost(keeper, root);
  }

  /** As `PosixHost.claim`. Where no other resource is on the machine, everything of the work user's ends there. */
  async claim(resource: ResourceView, call: Call): Promise<{ root: string; bootId: string }> {
    const claimed = await this.kept.claim(resource, call, '066');
    const host = new WorkUserHost(this.keeper, this.work, this.user, claimed.root);
    const leases = host.leasesOf(resource);
    const script = `
chmod 711 ${quote(resourceDirectory(claimed.root, resource.id))} || exit 1
mkdir -p ${quote(leases)} && ${enter(leases, 'conflict')} && chmod 1777 .`;
    await complete(this.keeper, 'Building', script, call);
    if (!(await host.kept.hasOthers(resource, call))) await host.wipe(resource, call);
    return claimed;
  }

  async facts(resource: ResourceView, call: Call): Promise<WorkUserFacts> {
    const facts = await this.kept.facts(resource, call);
    const script = fitnessScript(this.user, this.root, resource.id);
    const [workUser = '', ...words] = (await complete(this.work, 'Verifying', script, call))
      .split('\n')
      .filter(Boolean);
    const unfit = words.map((word) => (word in UNFIT ? UNFIT[word as keyof typeof UNFIT] : word));
    return { ...facts, workUser, unfit };
  }

  async activate(lease: LeaseView, call: Call): Promise<Activation> {
    const directory = this.directoryOf(lease);
    await complete(this.work, 'Activating', prepareScript(directory), call);
    const { work, artifacts, home, tmp } = directory;
    return { access: { directory: work, artifacts, home, tmp } };
  }

  execute(lease: LeaseView, process: ProcessSpec, onOutput: OnOutput, call: Call): Promise<Exit> {
    const run = { lease, directory: this.directoryOf(lease), process, onOutput };
    return runCommand(this.work, run, call, this.standbys);
  }

  async endCommand({ id, resource }: LeaseView, commandId: string, call: Call): Promise<void> {
    const script = killCommandScript({ resourceId: resource.id, leaseId: id }, commandId);
    await complete(this.work, 'Ending a command', script, call);
  }

  files(lease: LeaseView): Files {
    return shellFiles(this.work, lease, this.directoryOf(lease));
  }

  /** @throws DriverError `not-clean` where a process or a file of the work user stays. */
  cut(lease: LeaseView, call: Call): Promise<void> {
    return this.wipe(lease.resource, call);
  }

  async clean(resource: ResourceView, call: Call): Promise<Cleaned> {
    const script = `
${enter(resourceDirectory(this.root, resource.id), 'resource-lost')}
[ "$(cat broker)" = ${quote(resource.broker)} ] || { echo 'The label was changed.' >&2; ${exitWith('not-clean')}; }
[ "$(ls -A)" = "$(printf 'broker\\nleases')" ] || { ls -A >&2; ${exitWith('not-clean')}; }`;
    await complete(this.keeper, 'Cleaning', script, call);
    await this.wipe(resource, call);
    return {
      checked: [
        `no process of ${this.user}`,
        'no directory of an earlier lease',
        `nothing of ${this.user} in directories for everyone, and no shared memory`,
        'label unchanged',
      ],
    };
  }

  /** Beside another resource only what is this one's ends: the work user may be at work for that one. */
  async destroy(resource: ResourceView, call: Call): Promise<void> {
    if (await this.kept.hasOthers(resource, call)) await this.removeOwn(resource, call);
    else await this.wipe(resource, call);
    const script = removeScript(resourceDirectory(this.root, resource.id));
    await complete(this.keeper, 'Destroying', script, call);
  }

  /** Ends every process of the work user, removes what it has left, and looks whether that is so. */
  private async wipe(resource: ResourceView, call: Call): Promise<void> {
    const leases = this.leasesOf(resource);
    await this.endAll(call);
    await complete(this.work, 'Cleaning', tidyScript(leases), call);
    await complete(this.keeper, 'Cleaning', tidinessScript(this.user, leases), call);
  }

  /**
   * One signal from the work user to all that are its own, which no process can be quicker than by forking; it ends the
   * session that sends it, too. What ends the sender before it has sent is met by another try; and where the keeper is
   * root by the keeper, who kills while it waits.
   */
  private async endAll(call: Call): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const killing = this.work.start('kill -KILL -1', call).catch((fault: unknown) => {
        if (!(fault instanceof DriverError)) throw fault;
      });
      try {
        await killing;
        await complete(this.keeper, 'Ending processes', killUserScript(this.user), call);
        return;
      } catch (fault) {
        const isLast = tries >= TRIES || !(fault instanceof DriverError) || fault.code !== 'not-clean';
        if (isLast) throw fault;
      } finally {
        void killing.then((process) => process?.abandon());
      }
    }
  }

  private async removeOwn(resource: ResourceView, call: Call): Promise<void> {
    const leases = this.leasesOf(resource);
    const script = `
${killScript({ resourceId: resource.id })}
[ -d ${quote(leases)} ] || exit 0
${enter(leases)}
${emptyScript()}`;
    await complete(this.work, 'Destroying', script, call);
  }

  private directoryOf(lease: LeaseView): LeaseDirectory {
    return leaseDirectory(this.root, lease, LEASES);
  }

  private leasesOf({ id }: ResourceView): string {
    return `${resourceDirectory(this.root, id)}${LEASES}`;
  }
}
