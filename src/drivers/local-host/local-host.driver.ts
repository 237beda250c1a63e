import type { Exit } from '../../domain/command.js';
import type {
  Activation,
  BlueprintView,
  Built,
  Call,
  Cleaned,
  Driver,
  Files,
  LeaseView,
  Listing,
  OnOutput,
  ProcessSpec,
  ResourceView,
  Verification,
} from '../driver.js';
import { PosixHost, rootOf } from '../posix/posix-host.js';
import { LocalShell } from './local-shell.js';

/** `spec` of a `local-host` blueprint: it has no field. */
class LocalHostSpec {}

/**
 * The broker's own machine as a host, under the broker's own user: no isolation at all. The broker allows it under
 * policy `zero` only. Needs Linux, for /proc.
 */
export class LocalHostDriver implements Driver {
  readonly type = 'local-host';
  readonly schema = LocalHostSpec;
  readonly activatesLeases = false;
  readonly shareable = true;

  private readonly shell = new LocalShell();

  /** @param options.root absolute path of the directory that holds the resources' directories */
  constructor(private readonly options: { root: string }) {}

  places(): null {
    return null;
  }

  async build(resource: ResourceView, call: Call): Promise<Built> {
    const { root, bootId } = await new PosixHost(this.shell, this.options.root).claim(resource, call);
    return { handle: { root }, machine: { bootId } };
  }

  async verify(resource: ResourceView, call: Call): Promise<Verification> {
    const facts = await this.on(resource).facts(resource, call);
    const differences: string[] = [];
    if (facts.label !== resource.broker)
      differences.push('The directory does not bear the label of this broker.');
    if (!facts.marked) differences.push('Processes of a lease cannot be told from others here.');
    return { facts: { ...facts }, differences };
  }

  activate(lease: LeaseView, call: Call): Promise<Activation> {
    return this.on(lease.resource).activate(lease, call);
  }

  execute(lease: LeaseView, process: ProcessSpec, onOutput: OnOutput, call: Call): Promise<Exit> {
    return this.on(lease.resource).execute(lease, process, onOutput, call);
  }

  endCommand(lease: LeaseView, commandId: string, call: Call): Promise<void> {
    return this.on(lease.resource).endCommand(lease, commandId, call);
  }

  files(lease: LeaseView): Files {
    return this.on(lease.resource).files(lease);
  }

  clean(resource: ResourceView, call: Call): Promise<Cleaned> {
    return this.on(resource).clean(resource, call);
  }

  cut(lease: LeaseView, call: Call): Promise<void> {
    return this.on(lease.resource).cut(lease, call);
  }

  destroy(resource: ResourceView, call: Call): Promise<void> {
    return this.on(resource).destroy(resource, call);
  }

  async list(_blueprint: BlueprintView, broker: string, call: Call): Promise<Listing> {
    return { found: await new PosixHost(this.shell, this.options.root).list(broker, null, call), silent: [] };
  }

  private on(resource: ResourceView): PosixHost {
    return new PosixHost(this.shell, rootOf(resource, this.options.root));
  }
}
