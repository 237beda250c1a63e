import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names kept as files of a directory, so that they outlive the process and other processes see them at once. */
export class KeptSet extends Set {
  constructor(directory) {
    super();
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  has(name) {
    return existsSync(join(this.directory, name));
  }

  add(name) {
    writeFileSync(join(this.directory, name), '');
    return this;
  }

  delete(name) {
    const was = this.has(name);
    rmSync(join(this.directory, name), { force: true });
    return was;
  }

  [Symbol.iterator]() {
    return readdirSync(this.directory)[Symbol.iterator]();
  }
}
