import type { Call, ResourceView, Verification } from '../driver.js';
import type { Container } from './container.js';
import { containerOptions } from './container-options.js';
import { dockerHostSpec } from './docker-host.spec-schema.js';
import { type Gate, gateOptions, readGate, rulesAsked } from './gate.js';
import {
  differences,
  type EngineFacts,
  type Isolation,
  isolationAsked,
  isolationFound,
} from './isolation.js';
import { ownContainer } from './lifecycle.js';
import { networkAsked, networkFound } from './network.js';

/** One side of a comparison for each: what was asked for, and what was found. */
interface Sides {
  asked: Isolation;
  found: Isolation;
}

/** The isolation of a container, its network and its gate, compared with what the blueprint asks for. */
export async function verifyContainer(
  { container, gate, resource, engine }: Place,
  call: Call,
): Promise<Verification> {
  const spec = dockerHostSpec(resource.blueprint.spec);
  const info = await container.running(() => ownContainer(container, resource, call));
  const asked = isolationAsked(containerOptions(resource, spec, gate?.container.name), engine);
  const found = isolationFound(info, engine);
  if (spec.network === 'bridge') await compareNetwork({ asked, found }, container, resource, call);
  if (!gate) return { facts: found, differences: differences(asked, found) };

  const kept = await gateSides({ gate, resource, engine }, call);
  if (kept.namespace !== undefined && found.running) {
    asked.networkNamespace = kept.namespace;
    found.networkNamespace = await container.running(() => namespaceOf(container, call));
  }
  return {
    facts: { ...found, gate: kept.found },
    differences: [
      ...differences(asked, found),
      ...differences(kept.asked, kept.found).map((difference) => `The gate's ${difference}`),
    ],
  };
}

interface Place {
  container: Container;
  gate: Gate | undefined;
  resource: ResourceView;
  engine: EngineFacts;
}

async function gateSides(
  { gate, resource, engine }: Pick<Place, 'resource' | 'engine'> & { gate: Gate },
  call: Call,
): Promise<Sides & { namespace?: string }> {
  const { container, egress } = gate;
  const { runtime } = dockerHostSpec(resource.blueprint.spec);
  const info = await container.running(() => ownContainer(container, resource, call));
  const asked = isolationAsked(gateOptions(resource, { ...gate, runtime }), engine);
  const found = isolationFound(info, engine);
  if (egress.via === undefined) await compareNetwork({ asked, found }, container, resource, call);
  asked.rules = rulesAsked(gate);
  if (!found.running) return { asked, found };
  const { rules, namespace } = await container.running(() => readGate(gate, call));
  found.rules = rules;
  return { asked, found, namespace };
}

async function compareNetwork(
  { asked, found }: Sides,
  { engine }: Container,
  resource: ResourceView,
  call: Call,
): Promise<void> {
  asked.network = networkAsked(resource.broker);
  found.network = await networkFound(engine, resource, call);
}

async function namespaceOf(container: Container, call: Call): Promise<string> {
  const { stdout } = await container.answer({ argv: ['readlink', '/proc/self/ns/net'] }, call);
  return stdout.toString().trim();
}
