-- What each account uses of what it has a quota of. Triggers keep the counters in the transaction
-- of each change, also of changes by an earlier version that still runs (ADR 40).

CREATE TABLE platform.quota_usage (
  creator_id uuid NOT NULL,
  quota      text NOT NULL
             CHECK (quota IN ('documents', 'storage_bytes', 'channels', 'messages_per_month')),
  -- The first day of the month (UTC); the first of all days where use is not counted by month.
  period     date NOT NULL,
  used       bigint NOT NULL CHECK (used >= 0),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, quota, period)
);
SELECT platform.protect('platform.quota_usage');
GRANT SELECT, INSERT ON platform.quota_usage TO auth_app, hub_app, channel_app;
GRANT UPDATE (used, updated_at) ON platform.quota_usage TO auth_app, hub_app, channel_app;
-- Months that are over.
SELECT platform.retain('quota_months', 'platform.quota_usage', 'auth', 'updated_at',
                       'quota = ''messages_per_month''');

CREATE FUNCTION platform.quota_period(quota text) RETURNS date
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE quota
    WHEN 'messages_per_month' THEN date_trunc('month', now() AT TIME ZONE 'UTC')::date
    ELSE '-infinity'::date END
$$;

-- Moves a counter. What is deleted with a whole account is not counted: its counters go too.
CREATE FUNCTION platform.count_use(tenant uuid, of_quota text, change bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF change = 0 OR current_user = 'tenant_eraser' THEN
    RETURN;
  END IF;
  INSERT INTO platform.quota_usage AS u (creator_id, quota, period, used)
  VALUES (tenant, of_quota, platform.quota_period(of_quota), greatest(change, 0))
  ON CONFLICT (creator_id, quota, period) DO UPDATE
  SET used = greatest(u.used + change, 0), updated_at = now();
END
$$;

-- What the account in context uses, and no addition of another transaction until this one ends.
CREATE FUNCTION platform.lock_use(of_quota text) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO platform.quota_usage AS u (creator_id, quota, period, used)
  VALUES (nullif(current_setting('app.current_creator_id', true), '')::uuid, of_quota,
          platform.quota_period(of_quota), 0)
  ON CONFLICT (creator_id, quota, period) DO UPDATE SET used = u.used
  RETURNING u.used
$$;

-- What the account in context uses.
CREATE FUNCTION platform.use_of(of_quota text) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(max(u.used), 0) FROM platform.quota_usage u
  WHERE u.creator_id = nullif(current_setting('app.current_creator_id', true), '')::uuid
    AND u.quota = of_quota AND u.period = platform.quota_period(of_quota)
$$;

REVOKE ALL ON FUNCTION platform.count_use(uuid, text, bigint), platform.lock_use(text),
  platform.use_of(text), platform.quota_period(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.count_use(uuid, text, bigint), platform.quota_period(text)
  TO auth_app, hub_app, channel_app, tenant_eraser, retention_cleaner;
GRANT EXECUTE ON FUNCTION platform.lock_use(text), platform.use_of(text)
  TO auth_app, hub_app, channel_app;

-- A document that is being erased does not count, nor do the bytes of its file.
CREATE FUNCTION hub.count_document() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  documents bigint := 0;
  bytes     bigint := 0;
BEGIN
  IF TG_OP <> 'DELETE' AND NEW.state <> 'erasing' THEN
    documents := documents + 1;
    bytes := bytes + NEW.file_size;
  END IF;
  IF TG_OP <> 'INSERT' AND OLD.state <> 'erasing' THEN
    documents := documents - 1;
    bytes := bytes - OLD.file_size;
  END IF;
  PERFORM platform.count_use(coalesce(NEW.creator_id, OLD.creator_id), 'documents', documents);
  PERFORM platform.count_use(coalesce(NEW.creator_id, OLD.creator_id), 'storage_bytes', bytes);
  RETURN NULL;
END
$$;
CREATE TRIGGER count_document AFTER INSERT OR DELETE OR UPDATE OF state, file_size
  ON hub.documents FOR EACH ROW EXECUTE FUNCTION hub.count_document();

CREATE FUNCTION hub.count_document_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM platform.count_use(
    coalesce(NEW.creator_id, OLD.creator_id), 'storage_bytes',
    coalesce(NEW.file_size, 0) - coalesce(OLD.file_size, 0));
  RETURN NULL;
END
$$;
CREATE TRIGGER count_document_version AFTER INSERT OR DELETE OR UPDATE OF file_size
  ON hub.document_versions FOR EACH ROW EXECUTE FUNCTION hub.count_document_version();

CREATE FUNCTION channel.count_channel() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  channels bigint := 0;
BEGIN
  IF TG_OP <> 'DELETE' AND NEW.deleted_at IS NULL THEN
    channels := channels + 1;
  END IF;
  IF TG_OP <> 'INSERT' AND OLD.deleted_at IS NULL THEN
    channels := channels - 1;
  END IF;
  PERFORM platform.count_use(coalesce(NEW.creator_id, OLD.creator_id), 'channels', channels);
  RETURN NULL;
END
$$;
CREATE TRIGGER count_channel AFTER INSERT OR DELETE OR UPDATE OF deleted_at
  ON channel.channels FOR EACH ROW EXECUTE FUNCTION channel.count_channel();

-- A month's messages stay counted when their conversations are deleted.
CREATE FUNCTION channel.count_message() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM platform.count_use(NEW.creator_id, 'messages_per_month', 1);
  RETURN NULL;
END
$$;
CREATE TRIGGER count_message AFTER INSERT ON channel.messages
  FOR EACH ROW WHEN (NEW.role = 'user') EXECUTE FUNCTION channel.count_message();

-- What is used already. Changes of other transactions wait for the locks of the triggers above, so
-- that nothing is counted twice or missed.
CREATE POLICY migration_0042 ON hub.documents FOR SELECT TO platform_owner USING (true);
CREATE POLICY migration_0042 ON hub.document_versions FOR SELECT TO platform_owner USING (true);
CREATE POLICY migration_0042 ON channel.channels FOR SELECT TO platform_owner USING (true);
CREATE POLICY migration_0042 ON channel.messages FOR SELECT TO platform_owner USING (true);
CREATE POLICY migration_0042 ON platform.quota_usage TO platform_owner
  USING (true) WITH CHECK (true);

INSERT INTO platform.quota_usage (creator_id, quota, period, used)
SELECT creator_id, 'documents', '-infinity', count(*) FROM hub.documents
WHERE state <> 'erasing' GROUP BY 1;
INSERT INTO platform.quota_usage (creator_id, quota, period, used)
SELECT creator_id, 'storage_bytes', '-infinity', sum(file_size) FROM (
  SELECT creator_id, file_size FROM hub.documents WHERE state <> 'erasing'
  UNION ALL
  SELECT creator_id, file_size FROM hub.document_versions) f
GROUP BY 1;
INSERT INTO platform.quota_usage (creator_id, quota, period, used)
SELECT creator_id, 'channels', '-infinity', count(*) FROM channel.channels
WHERE deleted_at IS NULL GROUP BY 1;
INSERT INTO platform.quota_usage (creator_id, quota, period, used)
SELECT creator_id, 'messages_per_month', platform.quota_period('messages_per_month'), count(*)
FROM channel.messages
WHERE role = 'user' AND created_at >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
GROUP BY 1;

DROP POLICY migration_0042 ON platform.quota_usage;
DROP POLICY migration_0042 ON channel.messages;
DROP POLICY migration_0042 ON channel.channels;
DROP POLICY migration_0042 ON hub.document_versions;
DROP POLICY migration_0042 ON hub.documents;
