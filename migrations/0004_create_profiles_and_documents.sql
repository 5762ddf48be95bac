-- What a creator works on: the profile, and the documents that the assistant knows.

-- `version` is the entity tag: it rises with each change.
CREATE TABLE hub.creator_profiles (
  creator_id          uuid PRIMARY KEY,
  display_name        text CHECK (length(display_name) BETWEEN 1 AND 100),
  bio                 text CHECK (length(bio) BETWEEN 1 AND 500),
  avatar_url          text CHECK (length(avatar_url) <= 2000),
  website_url         text CHECK (length(website_url) <= 2000),
  coaching_categories text[] NOT NULL DEFAULT '{}' CHECK (cardinality(coaching_categories) <= 10),
  experience_years    smallint CHECK (experience_years BETWEEN 0 AND 50),
  certifications      text[] NOT NULL DEFAULT '{}' CHECK (cardinality(certifications) <= 20),
  timezone            text CHECK (length(timezone) <= 64),
  language            text CHECK (length(language) <= 35),
  version             integer NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at          timestamptz NOT NULL DEFAULT now(),
  updated_at          timestamptz NOT NULL DEFAULT now()
);
SELECT platform.protect('hub.creator_profiles');
GRANT SELECT, INSERT ON hub.creator_profiles TO hub_app;
GRANT UPDATE (display_name, bio, avatar_url, website_url, coaching_categories, experience_years,
              certifications, timezone, language, version, updated_at)
  ON hub.creator_profiles TO hub_app;

-- `version` rises with each processing. A document that is being erased is hidden from everything
-- but the job that erases it; its content may be uploaded anew meanwhile.
CREATE TABLE hub.documents (
  creator_id   uuid NOT NULL,
  id           uuid NOT NULL,
  title        text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  description  text CHECK (length(description) BETWEEN 1 AND 1000),
  tags         text[] NOT NULL DEFAULT '{}' CHECK (cardinality(tags) <= 20),
  filename     text NOT NULL CHECK (length(filename) BETWEEN 1 AND 255),
  kind         text NOT NULL CHECK (kind IN ('txt', 'md')),
  file_size    bigint NOT NULL CHECK (file_size > 0),
  content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
  state        text NOT NULL DEFAULT 'pending'
               CHECK (state IN ('pending', 'processing', 'ready', 'failed', 'erasing')),
  version      integer NOT NULL DEFAULT 1 CHECK (version > 0),
  chunk_count  integer NOT NULL DEFAULT 0 CHECK (chunk_count >= 0),
  error_code   text CHECK (length(error_code) <= 60),
  error_reason text CHECK (length(error_reason) <= 2000),
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (creator_id, id),
  CHECK (state = 'erasing' OR (state = 'failed') = (error_code IS NOT NULL))
);
SELECT platform.protect('hub.documents');
CREATE UNIQUE INDEX documents_content ON hub.documents (creator_id, content_hash)
  WHERE state <> 'erasing';
GRANT SELECT, INSERT, DELETE ON hub.documents TO hub_app;
GRANT UPDATE (title, description, tags, state, version, chunk_count, error_code, error_reason,
              updated_at)
  ON hub.documents TO hub_app;

-- An attempt that met an outage of ai-engine does not count towards the last one: the outage is
-- not the document's fault.
GRANT UPDATE (max_attempts) ON platform.jobs TO hub_app;
