import Dockerode from 'dockerode';
import type { Cleanup } from './cleanup.js';
import { makeDemoImage } from './image.js';

const SOCKET = 'unix:///var/run/docker.sock';

/** A Docker engine that answers. */
export interface Engine {
  /** As a blueprint names it. */
  address: string;
  version: string;
  docker: Dockerode;
}

/** The engine to use: `BERTH_DEMO_ENGINE`, a socket as `unix://…` or `none`, or else the usual one. Undefined where none answers. */
export async function findEngine(
  address = process.env.BERTH_DEMO_ENGINE ?? SOCKET,
): Promise<Engine | undefined> {
  if (address === 'none') return undefined;
  const docker = new Dockerode({ socketPath: address.replace('unix://', '') });
  const version = await docker.version().catch(() => undefined);
  return version && { address, version: version.Version, docker };
}

/** An image of this run's own, so that nothing of anybody else's is taken away with it. @returns its id */
export function makeImage({ docker }: Engine, cleanup: Cleanup): Promise<string> {
  const name = `berth-demo:${process.pid}-${Date.now()}`;
  cleanup.later('the image', () => removeImage(docker, name));
  return makeDemoImage(docker, name);
}

/** @throws Error when a container was left on the image, which the broker should have removed; it is removed all the same. */
async function removeImage(docker: Dockerode, name: string): Promise<void> {
  const [image] = await docker.listImages({ filters: { reference: [name] } });
  if (!image) return;
  const left = await docker.listContainers({ all: true, filters: { ancestor: [image.Id] } });
  for (const { Id } of left) await docker.getContainer(Id).remove({ force: true });
  await docker.getImage(name).remove();
  if (left.length > 0) throw new Error(`the broker had left containers on it, now removed: ${left.length}`);
}
