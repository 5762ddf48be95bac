-- Checkpoints of the audit log: the hash of an entry, sealed with a key that is not in the database.
-- A log that was cut off or written again does not agree with them, whatever role has done it.

CREATE TABLE auth.audit_checkpoints (
  creator_id  uuid NOT NULL,
  seq         bigint NOT NULL,
  sealed_hash text NOT NULL CHECK (length(sealed_hash) BETWEEN 1 AND 200),
  created_at  timestamptz NOT NULL DEFAULT now(),
  -- The seal is part of the key: a wrong one does not keep the right one out, and after a change
  -- of the key the same entry is sealed again.
  PRIMARY KEY (creator_id, seq, sealed_hash),
  FOREIGN KEY (creator_id, seq) REFERENCES auth.audit_log (creator_id, seq)
);
SELECT platform.protect('auth.audit_checkpoints');
COMMENT ON COLUMN auth.audit_checkpoints.sealed_hash IS 'sealed';
GRANT SELECT ON auth.audit_checkpoints TO auth_app;
GRANT INSERT (creator_id, seq, sealed_hash) ON auth.audit_checkpoints TO auth_app;

-- The last entry of each log after that account, in the order of the accounts, and its seals. One
-- index probe for each account.
CREATE POLICY lookup ON auth.audit_log FOR SELECT TO auth_lookup USING (true);
GRANT SELECT (creator_id, seq) ON auth.audit_log TO auth_lookup;
CREATE POLICY lookup ON auth.audit_checkpoints FOR SELECT TO auth_lookup USING (true);
GRANT SELECT (creator_id, seq, sealed_hash) ON auth.audit_checkpoints TO auth_lookup;
CREATE FUNCTION auth.list_audit_heads(after uuid, most integer)
RETURNS TABLE (tenant uuid, seq bigint, seals text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE accounts AS (
    (SELECT l.creator_id FROM auth.audit_log l
     WHERE l.creator_id > after ORDER BY l.creator_id LIMIT 1)
    UNION ALL
    SELECT (SELECT l.creator_id FROM auth.audit_log l
            WHERE l.creator_id > a.creator_id ORDER BY l.creator_id LIMIT 1)
    FROM accounts a WHERE a.creator_id IS NOT NULL
  ), heads AS (
    SELECT a.creator_id, (SELECT max(l.seq) FROM auth.audit_log l
                          WHERE l.creator_id = a.creator_id) AS seq
    FROM accounts a WHERE a.creator_id IS NOT NULL LIMIT most
  )
  SELECT h.creator_id, h.seq, ARRAY(
    SELECT c.sealed_hash FROM auth.audit_checkpoints c
    WHERE c.creator_id = h.creator_id AND c.seq = h.seq)
  FROM heads h
$$;
GRANT EXECUTE ON FUNCTION auth.list_audit_heads(uuid, integer) TO auth_app;
SELECT platform.hand_over('auth.list_audit_heads(uuid, integer)', 'auth_lookup');
