-- Sites that creators name: their pages are documents, which are fetched again by schedule or when
-- somebody asks.

CREATE TABLE hub.sites (
  creator_id   uuid NOT NULL,
  id           uuid NOT NULL,
  url          text NOT NULL CHECK (length(url) BETWEEN 1 AND 2048),
  -- What the creator says that the address is; null: what it turns out to be.
  kind         text CHECK (kind IN ('page', 'sitemap', 'llms_txt', 'feed')),
  found_kind   text CHECK (found_kind IN ('page', 'sitemap', 'llms_txt', 'feed')),
  -- Hours between two synchronisations; null: only when somebody asks.
  every_hours  integer CHECK (every_hours BETWEEN 1 AND 8760),
  -- Of the documents that its pages become.
  visibility   text NOT NULL DEFAULT 'answer_only'
               CHECK (visibility IN ('internal', 'answer_only', 'public')),
  state        text NOT NULL DEFAULT 'waiting'
               CHECK (state IN ('waiting', 'syncing', 'synced', 'failed', 'erasing')),
  -- The number of the synchronisation that runs or ran last, and of the last one that knew the list.
  round        integer NOT NULL DEFAULT 0 CHECK (round >= 0),
  listed_round integer NOT NULL DEFAULT 0 CHECK (listed_round >= 0),
  error_code   text CHECK (length(error_code) <= 60),
  error_reason text CHECK (length(error_reason) <= 2000),
  synced_at    timestamptz,
  next_sync_at timestamptz,
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  CHECK (state = 'erasing' OR (state = 'failed') = (error_code IS NOT NULL))
);
SELECT platform.protect('hub.sites');
CREATE UNIQUE INDEX sites_url ON hub.sites (creator_id, url) WHERE state <> 'erasing';
GRANT SELECT, INSERT, DELETE ON hub.sites TO hub_app;
GRANT UPDATE (found_kind, every_hours, visibility, state, round, listed_round, error_code, error_reason,
              synced_at, next_sync_at, updated_at)
  ON hub.sites TO hub_app;

-- A document of a site, and whether its title is the page's own or was given by a person.
ALTER TABLE hub.documents
  ADD COLUMN site_id uuid,
  ADD COLUMN url text CHECK (length(url) BETWEEN 1 AND 2048),
  ADD COLUMN is_title_given boolean NOT NULL DEFAULT true,
  ADD FOREIGN KEY (creator_id, site_id) REFERENCES hub.sites (creator_id, id)
    ON DELETE SET NULL (site_id);
CREATE INDEX documents_site ON hub.documents (creator_id, site_id) WHERE site_id IS NOT NULL;
GRANT UPDATE (is_title_given) ON hub.documents TO hub_app;

-- The pages of a site. One that the list does not name any more goes with its document.
CREATE TABLE hub.site_pages (
  creator_id    uuid NOT NULL,
  id            uuid NOT NULL,
  site_id       uuid NOT NULL,
  url           text NOT NULL CHECK (length(url) BETWEEN 1 AND 2048),
  -- The same in Markdown, which is asked for first.
  twin          text CHECK (length(twin) BETWEEN 1 AND 2100),
  title         text CHECK (length(title) BETWEEN 1 AND 200),
  -- The last synchronisation whose list names the page, and the last one that dealt with it.
  listed_round  integer NOT NULL,
  read_round    integer NOT NULL DEFAULT 0,
  -- Its document was deleted by a person: it is not fetched again.
  is_left_out   boolean NOT NULL DEFAULT false,
  document_id   uuid,
  etag          text CHECK (length(etag) <= 512),
  last_modified text CHECK (length(last_modified) <= 512),
  error_code    text CHECK (length(error_code) <= 60),
  read_at       timestamptz,
  PRIMARY KEY (creator_id, id),
  UNIQUE (creator_id, site_id, url),
  FOREIGN KEY (creator_id, site_id) REFERENCES hub.sites (creator_id, id) ON DELETE CASCADE,
  FOREIGN KEY (creator_id, document_id) REFERENCES hub.documents (creator_id, id)
    ON DELETE SET NULL (document_id)
);
SELECT platform.protect('hub.site_pages');
CREATE INDEX site_pages_document ON hub.site_pages (creator_id, document_id)
  WHERE document_id IS NOT NULL;
GRANT SELECT, INSERT, DELETE ON hub.site_pages TO hub_app;
GRANT UPDATE (twin, title, listed_round, read_round, is_left_out, document_id, etag, last_modified,
              error_code, read_at)
  ON hub.site_pages TO hub_app;

-- Sites whose next synchronisation is due, of all tenants: work by schedule starts them.
GRANT USAGE ON SCHEMA hub TO job_dispatcher;
GRANT SELECT (creator_id, id, state, next_sync_at) ON hub.sites TO job_dispatcher;
CREATE POLICY dispatch_syncs ON hub.sites FOR SELECT TO job_dispatcher
  USING (state <> 'erasing' AND next_sync_at IS NOT NULL);
CREATE INDEX sites_due ON hub.sites (next_sync_at)
  WHERE state <> 'erasing' AND next_sync_at IS NOT NULL;

CREATE FUNCTION hub.due_sites(most integer) RETURNS TABLE (creator_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.creator_id, s.id FROM hub.sites s
  WHERE s.state <> 'erasing' AND s.next_sync_at <= now()
  ORDER BY s.next_sync_at LIMIT most
$$;
GRANT EXECUTE ON FUNCTION hub.due_sites(integer) TO hub_app;
SELECT platform.hand_over('hub.due_sites(integer)', 'job_dispatcher');
