/** What the migrations have made the database refuse, by name: dropped by hand, nothing else shows that it is gone. */
const INDEXES = ['leases_hold', 'resources_slot', 'resources_place', 'resources_machine'];
const TRIGGERS = ['blueprints_tier', 'authorizations_tier'];
const CONSTRAINTS = `
  authorizations_blueprint_fkey authorizations_check authorizations_object_kind_check authorizations_object_state_check
  authorizations_object_kind_object_name_blueprint_key authorizations_pkey authorizations_state_check
  blueprints_check blueprints_check1 blueprints_idle_after_seconds_check blueprints_leases_per_resource_check
  blueprints_max_age_seconds_check blueprints_max_resources_check blueprints_max_uses_check blueprints_name_provides_tier_key
  blueprints_name_tier_key blueprints_pkey blueprints_reuse_check blueprints_tier_fkey blueprints_type_check
  command_output_command_id_fkey command_output_pkey command_output_stream_check
  commands_argv_check commands_lease_id_fkey commands_pkey commands_state_check commands_timeout_seconds_check
  consumers_kind_check consumers_pkey consumers_tier_fkey credentials_kind_check credentials_pkey events_pkey
  idempotency_keys_pkey installation_isolation_check installation_one_check installation_pkey
  leases_check leases_check1 leases_check2 leases_check3 leases_ended_check leases_object_kind_check leases_pkey
  leases_priority_check leases_resource_id_tier_fkey leases_slot_check leases_state_check leases_ttl_seconds_check
  leases_type_check leases_waiting_check
  lines_object_kind_check lines_pkey lines_tier_fkey lines_type_check
  operations_lease_id_fkey operations_pkey operations_state_check operations_type_check people_pkey processes_pkey
  resources_blueprint_type_tier_fkey resources_hygiene_check resources_leases_check resources_pkey resources_slot_check
  resources_state_check resources_type_check
  sightings_blueprint_fkey sightings_kind_check sightings_pkey silences_blueprint_fkey silences_pkey sweeps_id_fkey
  sweeps_pkey tiers_pkey tokens_hash_key tokens_kind_check tokens_pkey`;

/** SQL that selects, as `id`, those that are not there, or do not work. */
export const MISSING_BACKSTOPS = `
  SELECT id FROM unnest('{${INDEXES}}'::text[]) AS id
   WHERE NOT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                      WHERE c.relname = id AND i.indisvalid AND i.indisunique AND pg_table_is_visible(c.oid))
  UNION ALL
  SELECT id FROM unnest('{${TRIGGERS}}'::text[]) AS id
   WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = id AND tgenabled IN ('O', 'A') AND pg_table_is_visible(tgrelid))
  UNION ALL
  SELECT id FROM unnest('{${CONSTRAINTS.trim().split(/\s+/)}}'::text[]) AS id
   WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conname = id AND convalidated AND pg_table_is_visible(conrelid))`;
