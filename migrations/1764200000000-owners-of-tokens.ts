import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A token's row tells how often its owner has changed, a consumer's tier included: who reads it knows whether what it
 * remembers of the owner is still so, without reading that too.
 */
export class OwnersOfTokens1764200000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tokens ADD COLUMN owner_changes bigint NOT NULL DEFAULT 0;
      CREATE FUNCTION owner_changes() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          UPDATE tokens SET owner_changes = owner_changes + 1
           WHERE CASE TG_TABLE_NAME WHEN 'people' THEN kind = 'person' AND name = NEW.name
                                    WHEN 'consumers' THEN kind = 'consumer' AND name = NEW.name
                                    ELSE kind = 'consumer' AND name IN (SELECT name FROM consumers WHERE tier = NEW.name) END;
          RETURN NULL;
        END $$;
      CREATE TRIGGER people_change AFTER INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION owner_changes();
      CREATE TRIGGER consumers_change AFTER INSERT OR UPDATE ON consumers FOR EACH ROW EXECUTE FUNCTION owner_changes();
      CREATE TRIGGER tiers_change AFTER UPDATE ON tiers FOR EACH ROW EXECUTE FUNCTION owner_changes();
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER tiers_change ON tiers;
      DROP TRIGGER consumers_change ON consumers;
      DROP TRIGGER people_change ON people;
      DROP FUNCTION owner_changes;
      ALTER TABLE tokens DROP COLUMN owner_changes;
    `);
  }
}
