import { spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Call, DriverError, type Files } from '../driver.js';

/** Packs what was staged, owned by whoever unpacks it, and streams it into the lease's directory. */
export async function sendTree(staging: string, files: Files, call: Call): Promise<void> {
  const tar = spawn('tar', ['--numeric-owner', '--owner=0', '--group=0', '-C', staging, '-cf', '-', '.'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise<void>((resolve, reject) => {
    const fail = (cause?: Error) =>
      reject(new DriverError('failed', 'The checkout could not be packed.', { cause }));
    tar.once('error', fail);
    tar.once('close', (code) => (code === 0 ? resolve() : fail()));
  });
  // Node throws away what a child has written and nobody reads yet when it ends; the host may take longer to answer.
  const packed = new PassThrough();
  const copied = pipeline(tar.stdout, packed);
  try {
    await Promise.all([files.unpack(packed, call), copied, ended]);
  } finally {
    packed.destroy();
  }
}
