import type { Principal } from '../domain/consumer.js';
import { BrokerError, type FieldFault } from '../domain/errors.js';
import { NAME } from '../domain/name.js';
import type { Database } from '../store/database.js';
import type { Pool } from '../store/turn.js';
import type { Allocator } from './allocator.js';
import { check } from './check.js';
import { type BlueprintSpec, type Change, type Declaration, KINDS, SPECS } from './declarations.js';
import { Declarer, type DeclarerParts } from './declarer.js';
import type { Signals } from './signals.js';

/** Ends the transaction of a dry run; never leaves this file. */
class DryRun extends Error {
  constructor(readonly changes: Change[]) {
    super();
  }
}

/** The one way in for what an installation is declared to be: manifests at start, `berth apply`, and each PUT. */
export class DeclarationService {
  constructor(
    private readonly db: Database,
    private readonly parts: Omit<DeclarerParts, 'db' | 'by' | 'dryRun'>,
    private readonly allocator: Allocator,
    private readonly signals: Signals,
  ) {}

  /**
   * Makes the database what the declarations say: all of them, or none where one has a fault.
   * @throws BrokerError `malformed`, `impossible` or `policy-denies` with every faulty field
   */
  async declare(declarations: Declaration[], by: Principal, { dryRun = false } = {}): Promise<Change[]> {
    const checked = checkedDeclarations(declarations);
    const pools: Pool[] = [];
    try {
      // Declarations follow each other: what one has checked, no other may change before it is saved.
      const changes = await this.db.locked(['berth declarations'], async (transaction) => {
        const declarer = new Declarer({ ...this.parts, db: transaction, by: by.name, dryRun });
        await declarer.begin();
        const done: Change[] = [];
        for (const { path, ...declaration } of checked)
          done.push(await locating(path, () => declarer.declare(declaration)));
        await declarer.end();
        pools.push(...declarer.touched);
        if (dryRun) throw new DryRun(done);
        return done;
      });
      this.signals.send('events', 'due', 'blueprints');
      for (const pool of pools) this.allocator.review(pool);
      return changes;
    } catch (error) {
      if (error instanceof DryRun) return error.changes;
      throw error;
    }
  }
}

/** A declaration, and where in the input its spec is. */
type Located = Declaration & { path: string };

/** Shape and fields of each, in the order in which they can build on each other. */
function checkedDeclarations(declarations: Declaration[]): Located[] {
  const faults: FieldFault[] = [];
  const seen = new Set<string>();
  const checked = declarations.map(({ kind, name, spec }, index) => {
    const path = declarations.length === 1 ? '' : `documents.${index}.spec`;
    const at = declarations.length === 1 ? 'name' : `documents.${index}.metadata.name`;
    if (!NAME.test(name))
      faults.push({ path: at, message: 'must be a DNS label: 1 to 63 of a-z, 0-9 and -' });
    if (seen.has(`${kind}/${name}`)) faults.push({ path: at, message: `${kind} ${name} is declared twice` });
    seen.add(`${kind}/${name}`);
    const result = check<object>(SPECS[kind], spec ?? {}, path);
    faults.push(...result.faults);
    return { kind, name, spec: result.value, path };
  });
  if (faults.length > 0)
    throw new BrokerError('malformed', 'The declaration has faults; nothing was changed.', {
      errors: faults,
    });
  return checked.sort((a, b) => rank(a) - rank(b));
}

/** Blueprints that stand on others come after all that may carry them. */
function rank({ kind, spec }: Declaration): number {
  const onOthers = kind === 'Blueprint' && (spec as BlueprintSpec).type === 'working-copy';
  return KINDS.indexOf(kind) + (onOthers ? 0.5 : 0);
}

/** Faults name the document too, where there are several. */
async function locating<T>(path: string, declare: () => Promise<T>): Promise<T> {
  try {
    return await declare();
  } catch (error) {
    if (!(error instanceof BrokerError) || path === '') throw error;
    const { code, message, details, cause } = error;
    const errors = error.errors.map((fault) => ({ ...fault, path: `${path}.${fault.path}` }));
    throw new BrokerError(code, message, { details, errors, cause });
  }
}
