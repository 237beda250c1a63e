import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names kept as files of a directory, so that they outlive the process and other processes see them at once. */
export class KeptSet extends Set<string> {
  constructor(private readonly directory: string) {
    super();
    mkdirSync(directory, { recursive: true });
  }

  override has(name: string): boolean {
    return existsSync(join(this.directory, name));
  }

  override add(name: string): this {
    writeFileSync(join(this.directory, name), '');
    return this;
  }

  override delete(name: string): boolean {
    const was = this.has(name);
    rmSync(join(this.directory, name), { force: true });
    return was;
  }

  override [Symbol.iterator]() {
    return readdirSync(this.directory)[Symbol.iterator]();
  }
}
