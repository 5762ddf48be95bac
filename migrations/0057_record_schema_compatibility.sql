-- How far back a version may be and still work with this schema: it must contain this migration.
-- A migration that older versions cannot live with raises the number, in its own transaction:
--   UPDATE platform.schema_compatibility SET oldest_migration = NNNN;
-- with NNNN being the newest migration of the oldest version that still works. The migrate binary of
-- an older version reads it before it starts. Versions without this migration never come back.
CREATE TABLE platform.schema_compatibility (
  single_row       boolean PRIMARY KEY DEFAULT true CHECK (single_row),
  oldest_migration bigint NOT NULL CHECK (oldest_migration > 0)
);
INSERT INTO platform.schema_compatibility (oldest_migration) VALUES (57);
