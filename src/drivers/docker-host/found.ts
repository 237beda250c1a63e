import type { ContainerInfo } from 'dockerode';
import type { Found } from '../driver.js';
import { containerName, LABEL } from './container-options.js';
import { gateName } from './gate.js';

/** States of a container that runs, or will without anyone's doing. */
const ALIVE = ['running', 'paused', 'restarting'];

/** The network of a container that has a gate. */
const GATED = /^container:/;

/**
 * The resources of which there is a container or a gate, alive where nothing of one is missing or stopped. By labels
 * and name: an image that someone made of a container of ours hands the labels on, but not the name.
 */
export function foundIn(containers: readonly ContainerInfo[]): Found[] {
  const parts = new Map<string, { container?: ContainerInfo; gate?: ContainerInfo }>();
  for (const container of containers) {
    const resourceId = container.Labels[LABEL.resource] ?? '';
    const has = (name: string) => container.Names.includes(`/${name}`);
    const part = { ...parts.get(resourceId) };
    if (has(containerName(resourceId))) part.container = container;
    else if (has(gateName(resourceId))) part.gate = container;
    else continue;
    parts.set(resourceId, part);
  }
  return [...parts].map(([resourceId, { container, gate }]) => {
    const isGated = gate !== undefined || GATED.test(container?.HostConfig.NetworkMode ?? '');
    return {
      resourceId,
      name: container ? containerName(resourceId) : gateName(resourceId),
      place: null,
      alive: isAlive(container) && (!isGated || isAlive(gate)),
    };
  });
}

function isAlive(container: ContainerInfo | undefined): boolean {
  return container !== undefined && ALIVE.includes(container.State);
}
