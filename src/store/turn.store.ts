import type { Decision } from '../domain/allocate.js';
import type { Blueprint } from '../domain/blueprint.js';
import type { Database, Queryable } from './database.js';
import { type NewLease, type Plan, type Pool, type Scope, TURN_SIZE, type Turn } from './turn.js';
import { type Applied, applyDecisions } from './turn-decisions.js';
import { type Look, look, lookAway, type Piece, wantedOf } from './turn-look.js';
import { withRoom, withRoomOf } from './turn-room.js';

/**
 * One turn of one pool in one transaction. The advisory lock makes the turns of all replicas follow each other, so what
 * `decide` sees is what is there; what others may still take (the reconciler retires a resource, an admin cordons it) is
 * checked again by the statements that write, and then the turn is taken anew.
 */
export class TurnStore {
  constructor(private readonly db: Database) {}

  take(
    pool: Pool,
    incoming: readonly NewLease[],
    decide: (turn: Turn) => Plan,
    activates: (type: Blueprint['type']) => boolean,
    { from, scope, asks = false, freed = [], contended = true }: TurnOptions,
  ): Promise<Taken> {
    let piece: Piece = { from: from ?? 0, scope, whole: scope === 'all' || from !== null };
    return this.db.locked([turnsOf(pool.tier), pool.type], async (transaction) => {
      if (asks) {
        const { wanted } = await wantedOf(transaction, pool, freed);
        if (!wanted) return NOTHING;
      }
      if (!contended && incoming.length > 0 && freed !== null) {
        const { turn, rivals } = await lookAway(transaction, pool, incoming, freed);
        const plan = decide(turn);
        if (!rivals && isEnough(turn, plan, 'incoming')) {
          const applied = await applyDecisions(transaction, turn, plan, activates);
          return { ...applied, next: null, warms: keepsWarm(turn), contended: false };
        }
      }
      let turn = await look(transaction, pool, incoming, piece);
      if (scope === 'all') {
        const plan = decide(withNothing(turn));
        const applied = await applyDecisions(transaction, turn, plan, activates);
        return {
          ...applied,
          next: turn.inOrder.size < TURN_SIZE ? null : piece.from + leftOf(turn, plan.decisions),
          warms: false,
          contended: turn.inOrder.size > 0,
        };
      }
      let plan = planOf(turn, piece, decide);
      let warms = keepsWarm(turn);
      if (!isEnough(turn, plan, scope)) {
        warms = false;
        // Who waits for room comes before who just came in.
        if (turn.passed) {
          piece = { ...piece, scope: 'freed' };
          turn = await look(transaction, pool, incoming, piece);
        }
        turn = await withRoom(transaction, turn);
        plan = planOf(turn, piece, decide);
      }
      if (!piece.whole && isTooFew(turn, plan)) {
        piece = { ...piece, scope: 'freed', whole: true };
        turn = await withRoom(transaction, await look(transaction, pool, incoming, piece));
        plan = planOf(turn, piece, decide);
      }
      if (isFromRoom(turn, plan)) {
        // What became free after the look is there to be given, to whoever comes first, and must not pass for idle.
        if (!piece.whole) piece = { ...piece, scope: 'freed', whole: true };
        turn = withRoomOf(turn, await look(transaction, pool, incoming, piece));
        plan = planOf(turn, piece, decide);
      }
      // What became free since those in front were looked at is theirs first: it is given from the front then.
      if (plan.decisions.some(isGift)) {
        for (let front = 0; front < (from ?? 0); front += TURN_SIZE) {
          const passed = await withRoom(
            transaction,
            await look(transaction, pool, [], { ...piece, from: front }),
          );
          if (decide(passed).decisions.some(isGift)) return { ...NOTHING, next: 0 };
        }
      }
      const applied = await applyDecisions(transaction, turn, plan, activates);
      return {
        ...applied,
        next: scope === 'incoming' && !piece.whole ? null : nextAfter(turn, plan.decisions, piece),
        warms,
        contended: turn.inOrder.size > 0 || plan.decisions.some(isLeft),
      };
    });
  }
}

/** The first of the two keys by which the turns of a pool follow each other; the second is its type. */
function turnsOf(tier: string): string {
  return `berth pool ${tier}`;
}

/**
 * Lets no turn of the tier be under way from now until the transaction ends. For whatever takes from what may be used, or
 * from who may use it: done between what a turn has seen and what it writes, a lease would be granted that nobody may
 * have any more. To be called before anything is checked that a turn could change, and before resources are locked.
 */
export async function betweenTurns(transaction: Queryable, tier: string): Promise<void> {
  const text = `SELECT pg_advisory_xact_lock(hashtext($1), hashtext(type))
                  FROM unnest('{host,working-copy}'::text[]) AS type`;
  await transaction.rows({ text }, [turnsOf(tier)]);
}

/** What a turn did. */
export interface Taken extends Applied {
  /** After how many of those that wait the next turn begins; null where none need follow. */
  next: number | null;
  /** Whether something is kept warm for which this turn did not look. */
  warms: boolean;
  /** Whether those who come in next are likely to have rivals among those who wait; null: it has not found out. */
  contended: boolean | null;
}

const NOTHING: Taken = { decisions: [], written: [], due: false, next: null, warms: false, contended: null };

export interface TurnOptions {
  scope: Scope;
  /** Whether to ask first if anyone could use something, which is quick where the answer may well be no. */
  asks?: boolean;
  /** Blueprints of which something may be to be had that was not before; null: any. */
  freed?: readonly string[] | null;
  /** After how many of those that wait it goes on, where the one before did not look at all of them. */
  from: number | null;
  /** Whether those who came in are likely to have rivals in the queue; where they are not, it is looked at only if they have. */
  contended?: boolean;
}

/** Whoever came in comes after those that wait: also after those that follow in the next turn. */
function planOf(turn: Look, { whole }: Piece, decide: (turn: Turn) => Plan): Plan {
  const { inOrder, incoming, demand } = turn;
  if (!whole || inOrder.size < TURN_SIZE || incoming.length === 0) return decide(turn);
  const isNew = new Set(incoming.map(({ id }) => id));
  const plan = decide({ ...turn, demand: demand.filter(({ id }) => !isNew.has(id)) });
  const rest = decide({ ...withNothing(turn), demand: demand.filter(({ id }) => isNew.has(id)) });
  return { ...plan, decisions: [...plan.decisions, ...rest.decisions] };
}

/**
 * Whether everyone got something that was free, so that room makes no difference. Where to build and what to reclaim is
 * read only for the others, because it takes a look at every place of the pool; and not for those who waited before
 * where nothing has changed since, because then there is none. Who just came in does not wait until what is kept warm
 * was seen to: that is done next.
 */
function isEnough(turn: Turn, { decisions }: Plan, scope: Scope): boolean {
  const { incoming, demand } = turn;
  if (scope !== 'incoming' && keepsWarm(turn)) return false;
  const asking = new Set((scope === 'incoming' ? incoming : demand).map(({ id }) => id));
  return decisions.every(
    ({ kind, leaseId }) =>
      kind === 'grant' || kind === 'reject' || (leaseId !== null && !asking.has(leaseId)),
  );
}

function keepsWarm({ snapshot }: Turn): boolean {
  return snapshot.blueprints.some(({ warm }) => warm > 0);
}

/**
 * Whether more must be looked at than there are places, since not all that came first in the queue could use one: what is
 * left belongs to those behind, before anyone who just came in or was looked at out of turn.
 */
function isTooFew({ inOrder, size }: Look, { decisions }: Plan): boolean {
  if (inOrder.size < size) return false;
  const served = decisions.filter(isGift);
  const inTurn = served.filter(({ leaseId }) => inOrder.has(leaseId as string)).length;
  return inTurn < inOrder.size && (served.length < size || served.length > inTurn);
}

/**
 * Whether the room, which was read after the queue, decides who gets what: something is reclaimed; or built, while others
 * are served than came first in the queue, of whom no more were looked at than there were places then.
 */
function isFromRoom({ inOrder }: Look, { decisions }: Plan): boolean {
  const has = (made: Decision['kind']) => decisions.some(({ kind }) => kind === made);
  const isInTurn = ({ leaseId }: Decision) => inOrder.has(leaseId as string);
  return has('reclaim') || (has('build') && !decisions.filter(isGift).every(isInTurn));
}

/**
 * After how many of those that wait the next turn begins; null where none need follow. A long queue is looked at piece by
 * piece while there is something to give that nobody so far could use, or while everyone gets something and there may be
 * more: a full pool costs one turn, however many wait.
 */
function nextAfter(turn: Look, decisions: Decision[], { from, whole }: Piece): number | null {
  const { inOrder, size, snapshot } = turn;
  if (size === 0 || inOrder.size < size) return null;
  // As many as there were places: all of these are taken, unless they are more than a turn can give.
  if (!whole) return size === TURN_SIZE ? leftOf(turn, decisions) : null;
  const { available, blueprints, reclaimable } = snapshot;
  const free = new Set(available.map(({ id }) => id));
  const offered =
    reclaimable.filter(({ id }) => !free.has(id)).length +
    [
      ...available.map(({ slots }) => slots),
      ...blueprints.map(({ room }) => room.slots.slice(0, room.places?.length)),
    ].flat().length;
  const taken = decisions.filter(({ kind }) => kind !== 'wait' && kind !== 'reject').length;
  if (offered <= taken && decisions.some(isLeft)) return null;
  // What was given has changed who may get something of the rest: it is looked at from the front again.
  return taken > 0 ? 0 : from + leftOf(turn, decisions);
}

/** Whether it gives away what was free, or room. */
function isGift({ kind, leaseId }: Decision): boolean {
  return leaseId !== null && kind !== 'wait' && kind !== 'reject';
}

/** Whether it is a decision on a lease that waits on. */
function isLeft({ kind, leaseId }: Decision): boolean {
  return leaseId !== null && (kind === 'wait' || kind === 'build' || kind === 'reclaim');
}

/** How many of those that were looked at in their order are in the queue still. */
function leftOf({ inOrder }: Look, decisions: Decision[]): number {
  return decisions.filter((one) => isLeft(one) && inOrder.has(one.leaseId as string)).length;
}

/**
 * As if nothing were to be had. Looking at a long queue takes several turns, and what becomes free between two of them is
 * for whoever comes first, who may be in the one that is over.
 */
function withNothing(turn: Look): Look {
  return { ...turn, snapshot: { ...turn.snapshot, available: [], reclaimable: [] } };
}
