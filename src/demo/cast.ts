import type { Admin, Approver, Consumer } from './actors.js';
import { HIGH_HOST, LOW_CHECKOUT } from './installation.js';
import type { Transcript } from './transcript.js';

/** Who takes part. */
export interface Cast {
  admin: Admin;
  /** Two build steps of tier low. */
  unitTests: Consumer;
  lint: Consumer;
  /** Repository automation of tier high. */
  lander: Consumer;
  /** Approves in both tiers what the admin's declarations asked for. */
  ada: Approver;
}

/** Declares everybody and makes their tokens. */
export async function introduce(say: Transcript, admin: Admin): Promise<Cast> {
  say.step('Two tiers, three consumers, and a person who decides');
  const consumer = (
    name: string,
    kind: 'build-step' | 'repository-automation',
    tier: string,
    blueprint: string,
  ) =>
    say.did(
      () => admin.consumer(name, { kind, tier, blueprints: [blueprint] }),
      () => ['declared', `${name}, ${kind} of tier ${tier}, wants to use ${blueprint}`],
    );
  return {
    admin,
    unitTests: await consumer('unit-tests', 'build-step', 'low', LOW_CHECKOUT),
    lint: await consumer('lint', 'build-step', 'low', LOW_CHECKOUT),
    lander: await consumer('lander', 'repository-automation', 'high', HIGH_HOST),
    ada: await say.did(
      () => admin.approver('ada', ['low', 'high']),
      ({ name }) => [
        'declared',
        `${name}, approver of both tiers; nobody approves what they asked for themselves`,
      ],
    ),
  };
}
