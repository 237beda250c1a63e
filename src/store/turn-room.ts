import type { Blueprint } from '../domain/blueprint.js';
import type { Reclaimable, Room } from '../domain/snapshot.js';
import { one, type Queryable } from './database.js';
import { isSilent, SILENT, standsOnSilent } from './silence.js';
import type { Turn } from './turn.js';

interface RoomFound {
  rooms: { name: string; slots: number[]; places: string[]; failed: string[] }[];
  reclaimable: (Omit<Reclaimable, 'idleSince'> & { idleSince: string })[];
}

/** The look, with where its pool could build and what it could reclaim. */
export async function withRoom<Look extends Turn>(db: Queryable, turn: Look): Promise<Look> {
  const { pool, demand, snapshot } = turn;
  const { rooms, reclaimable } = one(
    await db.rows<RoomFound>(ROOM, [
      pool.tier,
      pool.type,
      demand.length,
      snapshot.blueprints.map(({ name }) => name),
    ]),
  );
  const found = new Map(rooms.map((room) => [room.name, room]));
  return {
    ...turn,
    snapshot: {
      ...snapshot,
      blueprints: snapshot.blueprints.map((blueprint) => ({
        ...blueprint,
        room: roomOf(blueprint, found.get(blueprint.name) ?? NOTHING_FOUND),
      })),
      reclaimable: reclaimable.map((resource) => ({ ...resource, idleSince: new Date(resource.idleSince) })),
    },
  };
}

/** The later look, with the room that the earlier one found. */
export function withRoomOf<Look extends Turn>(
  { snapshot: { blueprints, reclaimable } }: Turn,
  later: Look,
): Look {
  const rooms = new Map(blueprints.map(({ name, room }) => [name, room]));
  const roomed = later.snapshot.blueprints.map((one) => ({ ...one, room: rooms.get(one.name) ?? NO_ROOM }));
  return { ...later, snapshot: { ...later.snapshot, blueprints: roomed, reclaimable } };
}

/** What a look finds before room is looked for. */
export const NO_ROOM: Room = { slots: [], places: null };

/** Of a blueprint that was deleted meanwhile. */
const NOTHING_FOUND = { slots: [], places: [], failed: [] };

/** Free slots, and the machines that none of the blueprint's live resources is on: those first where no build has failed of late. */
function roomOf(
  { type, spec }: Blueprint,
  { slots, places, failed }: Omit<RoomFound['rooms'][number], 'name'>,
): Room {
  if (type !== 'ssh-host') return { slots, places: null };
  const names = (spec.hosts as { name: string }[]).map(({ name }) => name);
  const vacant = names.filter((name) => !places.includes(name));
  return { slots, places: vacant.sort((a, b) => failed.lastIndexOf(a) - failed.lastIndexOf(b)) };
}

/**
 * Where the pool could build, and what it could reclaim: $1 tier, $2 type, $3 how many ask, $4 names of the blueprints. For
 * each live resource in a slot above a limit that was lowered, a slot below it stays empty.
 */
const ROOM = {
  name: 'turn-room',
  text: `WITH pool AS MATERIALIZED (
      SELECT b.*, (SELECT count(*) FROM resources r WHERE r.blueprint = b.name AND r.state <> 'destroyed') AS live,
             ${SILENT} AS silent
        FROM blueprints b WHERE b.tier = $1 AND b.provides = $2 AND b.name = ANY ($4))
    SELECT
      (SELECT coalesce(jsonb_agg(b), '[]') FROM (
        SELECT p.name,
               CASE WHEN p.live >= p.max_resources THEN '{}' ELSE ARRAY (
                 SELECT s FROM generate_series(0, p.max_resources - 1) s
                  WHERE NOT EXISTS (SELECT FROM resources r WHERE r.blueprint = p.name AND r.slot = s AND r.state <> 'destroyed')
                  OFFSET (SELECT count(*) FROM resources o WHERE o.blueprint = p.name AND o.slot >= p.max_resources AND o.state <> 'destroyed')
                  LIMIT CASE WHEN p.type <> 'ssh-host' THEN $3 + p.warm END) END AS slots,
               ARRAY (SELECT r.place FROM resources r
                       WHERE p.type = 'ssh-host' AND r.blueprint = p.name AND r.state <> 'destroyed') AS places,
               ARRAY (SELECT r.place FROM resources r
                       WHERE p.type = 'ssh-host' AND r.blueprint = p.name AND r.state = 'destroyed' AND r.active_at IS NULL
                         AND r.ended_at > now() - interval '10 min' ORDER BY r.ended_at) AS failed
          FROM pool p) b) AS rooms,
      (SELECT coalesce(jsonb_agg(i), '[]') FROM pool p, LATERAL (
        SELECT id, blueprint, p.name AS frees, place, "idleSince", "idleAfterSeconds" FROM (
          (SELECT r.id, r.blueprint, r.place, coalesce(r.last_used_at, r.active_at) AS "idleSince",
                  p.idle_after_seconds AS "idleAfterSeconds"
             FROM resources r
            WHERE r.blueprint = p.name AND r.state = 'active' AND r.hygiene = 'clean' AND r.leases = 0 AND NOT r.cordoned
              AND NOT ${isSilent('r', 'p')} AND NOT ${standsOnSilent('r')} AND now() - coalesce(r.last_used_at, r.active_at) >= make_interval(secs => coalesce(p.idle_after_seconds, 0))
            ORDER BY r.last_used_at NULLS FIRST LIMIT CASE WHEN p.type <> 'ssh-host' THEN $3 END)
          UNION ALL
          SELECT c.id, c.blueprint, s.place, coalesce(c.last_used_at, c.active_at), b.idle_after_seconds
            FROM leases h
            JOIN resources c ON c.id = h.for_resource JOIN blueprints b ON b.name = c.blueprint
            JOIN resources s ON s.id = h.resource_id
           WHERE h.blueprint = p.name AND h.state = 'active' AND h.for_resource IS NOT NULL
             AND c.state = 'active' AND c.leases = 0 AND c.hygiene = 'clean' AND NOT ${isSilent('s', 'p')}
             -- One just built for a lease that waits for it is not idle, though nobody holds it yet.
             AND NOT (c.uses = 0 AND EXISTS (SELECT FROM leases w WHERE w.id = c.built_for AND w.state = 'pending'))) idle
         WHERE $3 > 0 AND now() - "idleSince" >= make_interval(secs => coalesce("idleAfterSeconds", 0))
         ORDER BY "idleSince" LIMIT CASE WHEN p.type <> 'ssh-host' THEN $3 END) i) AS reclaimable`,
};
