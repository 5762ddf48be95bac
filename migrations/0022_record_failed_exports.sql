-- An export that fails says why: the person who asked sees the reason with the request.
ALTER TABLE auth.privacy_requests
  ADD COLUMN error_code   text CHECK (length(error_code) <= 60),
  ADD COLUMN error_reason text CHECK (length(error_reason) <= 2000),
  ADD CONSTRAINT privacy_requests_error_is_whole
    CHECK ((error_code IS NULL) = (error_reason IS NULL));
GRANT UPDATE (error_code, error_reason) ON auth.privacy_requests TO auth_app;
