//! What each code of a problem document means to whoever receives it.

/// Codes and their meanings, in the order of the alphabet. One that no source has is not shown.
pub(crate) const MEANINGS: &[(&str, &str)] = &[
    (
        "already_processing",
        "Work on the document is under way; wait for it to end.",
    ),
    ("already_verified", "The email address is verified already."),
    (
        "bad_range",
        "`Range` is missing, not one range of bytes, or beyond the end.",
    ),
    (
        "body_too_large",
        "The body is larger than this endpoint accepts.",
    ),
    (
        "collection_exists",
        "Another collection of the account has this name.",
    ),
    (
        "current_version",
        "The version is the document's file already.",
    ),
    (
        "dependency_unavailable",
        "A dependency, named in `dependency`, is unavailable; try again.",
    ),
    (
        "download_in_progress",
        "A copy of the account is being downloaded; wait until that has ended.",
    ),
    (
        "duplicate_document",
        "The account has this content already; `detail` names the document.",
    ),
    (
        "duplicate_question",
        "Another question-and-answer pair has this question; `detail` names the pair.",
    ),
    (
        "duplicate_site",
        "The account has a site with this address already; `detail` names it.",
    ),
    ("email_taken", "The email address has an account; sign in."),
    (
        "email_unverified",
        "Verify the email address first; an email with a code was sent.",
    ),
    ("empty_file", "The uploaded file has no bytes."),
    (
        "erasure_not_waiting",
        "The erasure has begun or ended, and cannot be cancelled.",
    ),
    (
        "events_expired",
        "The events of an answer are kept for two minutes, if it was asked for with `resumable`.",
    ),
    (
        "expired_token",
        "The token's time is over; refresh it or ask for a new session.",
    ),
    (
        "export_expired",
        "The export can no longer be downloaded; request a new one.",
    ),
    (
        "export_not_ready",
        "The export is being prepared; try again later.",
    ),
    (
        "file_too_large",
        "The uploaded file is larger than the limit in `detail`.",
    ),
    (
        "idempotency_key_reused",
        "This `Idempotency-Key` was sent with another body.",
    ),
    ("internal", "The platform failed; report the `trace_id`."),
    (
        "invalid_challenge",
        "The challenge is invalid or has expired; start the sign-in again.",
    ),
    (
        "invalid_code",
        "The emailed code is unknown, used, replaced or expired.",
    ),
    (
        "invalid_credentials",
        "Address or password is wrong, or the user is locked for a while.",
    ),
    (
        "invalid_csv",
        "The first row of the CSV, or those that `errors` names, are wrong; nothing was imported.",
    ),
    ("invalid_fields", "Fields in `errors` are wrong or unknown."),
    (
        "invalid_invitation",
        "The invitation is unknown, used or expired; request a new one.",
    ),
    (
        "invalid_query",
        "A parameter of the query is wrong or unknown.",
    ),
    (
        "invalid_refresh_token",
        "The refresh token is not valid; sign in.",
    ),
    (
        "invalid_second_factor",
        "The code of the second step is wrong or was used.",
    ),
    (
        "invalid_token",
        "The bearer token or API key is none of ours, or not for this use.",
    ),
    (
        "invalid_visitor_token",
        "Begin as a new visitor: the token that remembers one is no good.",
    ),
    (
        "invitation_required",
        "Registration requires an invitation by the operator.",
    ),
    (
        "last_owner",
        "An account needs an owner; make another member an owner first.",
    ),
    ("malformed_form", "The multipart form cannot be read."),
    ("malformed_id", "The id in the path is no UUID."),
    (
        "malformed_idempotency_key",
        "`Idempotency-Key` is empty, too long or not plain text.",
    ),
    ("malformed_json", "The body is not JSON."),
    (
        "managed_by_resource",
        "A Tenant resource, named in `detail`, manages this; change it there.",
    ),
    (
        "method_not_allowed",
        "The path exists, the method does not.",
    ),
    (
        "missing_token",
        "Send `Authorization: Bearer` with a token or an API key.",
    ),
    (
        "not_waiting",
        "A person handles the conversation, or it is closed.",
    ),
    (
        "origin_not_allowed",
        "The page may not embed this widget, or there is no such widget.",
    ),
    (
        "overloaded",
        "Too much at once; wait as `Retry-After` says.",
    ),
    (
        "permission_missing",
        "The caller is known and lacks the permission.",
    ),
    (
        "platform_admins_only",
        "Only administrators of the platform may do this.",
    ),
    (
        "precondition_failed",
        "It has changed since you read it; read it again.",
    ),
    (
        "precondition_required",
        "Send `If-Match` with the `ETag` that you read.",
    ),
    (
        "quota_exceeded",
        "The account has reached a quota, which `errors` names; one of a month ends as \
         `Retry-After` says.",
    ),
    (
        "rate_limited",
        "Too many requests; wait as `Retry-After` says.",
    ),
    (
        "registration_closed",
        "The operator of the platform creates accounts.",
    ),
    (
        "request_in_progress",
        "The first request with this `Idempotency-Key` still runs.",
    ),
    (
        "revoked_token",
        "The token was revoked after it was issued; refresh it or sign in.",
    ),
    (
        "services_only",
        "Only services of the platform may call this.",
    ),
    (
        "session_ended",
        "The session of the token has ended; sign in.",
    ),
    (
        "tenant_suspended",
        "The account is suspended; contact its owner.",
    ),
    (
        "too_large_to_compare",
        "The text of a version is too long to be compared; download both files.",
    ),
    (
        "too_many_api_keys",
        "The account has the maximum number of API keys; revoke one.",
    ),
    (
        "too_many_channels",
        "The account has as many channels as it may; delete one.",
    ),
    (
        "too_many_collections",
        "The account has, or the document is in, the maximum number of collections.",
    ),
    (
        "too_many_invites",
        "The account has the maximum of pending invitations; revoke one.",
    ),
    (
        "too_many_qa_pairs",
        "The account has, or would have, more question-and-answer pairs than it may; delete some.",
    ),
    (
        "too_many_sites",
        "The account has as many sites as it may; delete one.",
    ),
    (
        "too_many_sockets",
        "Too many sockets are open; `detail` names the bound. Wait as long as `Retry-After` says.",
    ),
    (
        "totp_enabled",
        "The second factor is enabled already; disable it first.",
    ),
    ("totp_not_enabled", "The second factor is not enabled."),
    (
        "totp_not_offered",
        "Enrol first: no secret has been offered.",
    ),
    (
        "unknown_api_key",
        "There is no such API key in this account.",
    ),
    (
        "unknown_channel",
        "There is no such channel in this account.",
    ),
    (
        "unknown_collection",
        "There is no such collection in this account.",
    ),
    (
        "unknown_conversation",
        "There is no such conversation in this account.",
    ),
    (
        "unknown_document",
        "There is no such document in this account.",
    ),
    (
        "unknown_generation",
        "There is no such answer in this account.",
    ),
    (
        "unknown_invite",
        "There is no such invitation, or it was accepted.",
    ),
    ("unknown_job", "There is no such job in this account."),
    ("unknown_member", "There is no such member in this account."),
    ("unknown_path", "No endpoint has this path."),
    (
        "unknown_privacy_request",
        "The account has no such export or erasure.",
    ),
    (
        "unknown_qa_pair",
        "There is no such question-and-answer pair in this account.",
    ),
    ("unknown_session", "The caller has no such open session."),
    ("unknown_site", "There is no such site in this account."),
    ("unknown_tenant", "No account belongs to this resource."),
    (
        "unknown_text",
        "The document has no such text: it was deleted or extracted again.",
    ),
    (
        "unknown_version",
        "The document has no such version, or it is no longer kept.",
    ),
    ("unreadable_body", "The body broke off before its end."),
    (
        "unsupported_media_type",
        "The body's media type is not accepted; `detail` says which is.",
    ),
    (
        "upgrade_required",
        "This path is a WebSocket; send an upgrade.",
    ),
    ("upload_stalled", "No byte of the upload came for too long."),
    (
        "users_only",
        "Only signed-in users may do this, not API keys or services.",
    ),
    (
        "version_unreadable",
        "The file of a version cannot be read, so its text cannot be compared.",
    ),
    (
        "weak_password",
        "The password violates the rules in `errors`.",
    ),
    ("wrong_code", "The code is wrong or was used."),
    ("wrong_password", "The caller's current password is wrong."),
];
