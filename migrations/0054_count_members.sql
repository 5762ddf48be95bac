-- Members are counted and have a quota, and an account learns when it comes near to a quota (ADR 50).

ALTER TABLE platform.quota_usage
  DROP CONSTRAINT quota_usage_quota_check,
  ADD CONSTRAINT quota_usage_quota_check
    CHECK (quota IN ('documents', 'storage_bytes', 'channels', 'members', 'messages_per_month')),
  -- How many percent the account was last notified of, and in which month (UTC): once in a month.
  ADD COLUMN announced smallint NOT NULL DEFAULT 0 CHECK (announced IN (0, 80, 100)),
  ADD COLUMN announced_in date,
  ADD CONSTRAINT quota_usage_announced CHECK ((announced = 0) = (announced_in IS NULL));
GRANT UPDATE (announced, announced_in) ON platform.quota_usage TO auth_app, hub_app, channel_app;

CREATE FUNCTION auth.count_member() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM platform.count_use(coalesce(NEW.creator_id, OLD.creator_id), 'members',
                             CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END);
  RETURN NULL;
END
$$;
CREATE TRIGGER count_member AFTER INSERT OR DELETE
  ON auth.memberships FOR EACH ROW EXECUTE FUNCTION auth.count_member();

-- The members there are. Changes of other transactions wait for the lock of the trigger above.
CREATE POLICY migration_0054 ON auth.memberships FOR SELECT TO platform_owner USING (true);
CREATE POLICY migration_0054 ON platform.quota_usage TO platform_owner
  USING (true) WITH CHECK (true);
INSERT INTO platform.quota_usage (creator_id, quota, period, used)
SELECT creator_id, 'members', '-infinity', count(*) FROM auth.memberships GROUP BY 1;
DROP POLICY migration_0054 ON platform.quota_usage;
DROP POLICY migration_0054 ON auth.memberships;
