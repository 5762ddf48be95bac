-- Work that follows other work, also in another service, and work that no tenant asked for.

-- Which service may put a job into which queue, and change it there: each its own, and beside it
-- only the stated pairs. Creator-hub has documents indexed by ai-engine.
CREATE POLICY queue_insert ON platform.jobs AS RESTRICTIVE FOR INSERT TO platform_app
  WITH CHECK (queue = ANY (CASE current_user
    WHEN 'auth_app' THEN ARRAY['auth'] WHEN 'hub_app' THEN ARRAY['creator-hub', 'ai-engine']
    WHEN 'ai_app' THEN ARRAY['ai-engine'] WHEN 'channel_app' THEN ARRAY['channel'] END));
CREATE POLICY queue_update ON platform.jobs AS RESTRICTIVE FOR UPDATE TO platform_app
  USING (queue = ANY (CASE current_user
    WHEN 'auth_app' THEN ARRAY['auth'] WHEN 'hub_app' THEN ARRAY['creator-hub', 'ai-engine']
    WHEN 'ai_app' THEN ARRAY['ai-engine'] WHEN 'channel_app' THEN ARRAY['channel'] END));
