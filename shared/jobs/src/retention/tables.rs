//! What becomes of the rows of each table, by one entry each: the source of `docs/retention.md`.

use shared_config::{Retention, Service};

/// Who deletes rows of a table that are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// That service.
    Service(Service),
    /// Each service its own rows.
    EachService,
    /// The migrations.
    Migrations,
}

/// When rows that are over are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Always after that many hours.
    Hours(u32),
    /// As the resource of the platform says.
    Setting(Retention),
}

/// What deletes rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A rule of `platform.retention_rules`, which says in SQL which rows are over since when.
    Rule(&'static str),
    /// A definer function `(age interval, most integer)` that returns how many it deleted, where
    /// one condition on one table is not enough.
    Function(&'static str),
}

/// Which rows of a table are deleted, when and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// What deletes them.
    pub by: By,
    /// When the rows are deleted.
    pub after: After,
    /// The rows, for a reader.
    pub rows: &'static str,
}

/// What becomes of the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Rows that are over are deleted by the clean-up.
    Deleted(&'static [Rule]),
    /// Rows go with those of another table, by its foreign key.
    With(&'static str),
    /// The number of rows has a bound: why.
    Bounded(&'static str),
    /// Kept until somebody deletes them or the account is erased: why.
    Content(&'static str),
}

/// A table and its retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Schema and name.
    pub name: &'static str,
    /// Who cleans up.
    pub owner: Owner,
    /// What becomes of its rows.
    pub kept: Kept,
}

const DAY: u32 = 24;

const fn of(service: Service, name: &'static str, kept: Kept) -> Table {
    let owner = Owner::Service(service);
    Table { name, owner, kept }
}

const fn rule(name: &'static str, after: After, rows: &'static str) -> Rule {
    let by = By::Rule(name);
    Rule { by, after, rows }
}

const fn function(name: &'static str, after: After, rows: &'static str) -> Rule {
    let by = By::Function(name);
    Rule { by, after, rows }
}

const ENDED_ACCESS: After = After::Setting(Retention::EndedAccess);

/// Every table of the database.
pub const TABLES: &[Table] = &[
    Table {
        name: "platform.schema_migrations",
        owner: Owner::Migrations,
        kept: Kept::Bounded("one row for each migration"),
    },
    Table {
        name: "platform.schema_compatibility",
        owner: Owner::Migrations,
        kept: Kept::Bounded("one row"),
    },
    Table {
        name: "platform.retention_rules",
        owner: Owner::Migrations,
        kept: Kept::Bounded("one row for each rule of a migration"),
    },
    Table {
        name: "platform.schedules",
        owner: Owner::EachService,
        kept: Kept::Bounded("one row for each kind of scheduled work; unknown ones go after a day"),
    },
    Table {
        name: "platform.jobs",
        owner: Owner::EachService,
        kept: Kept::Deleted(&[
            rule(
                "succeeded_jobs",
                After::Setting(Retention::FinishedJobs),
                "jobs that succeeded, but the newest of a document that is there",
            ),
            rule(
                "failed_jobs",
                After::Setting(Retention::FailedJobs),
                "jobs that failed, but the newest of a document that is there",
            ),
        ]),
    },
    of(
        Service::Auth,
        "platform.events",
        Kept::Deleted(&[function(
            "platform.delete_old_events",
            After::Hours(14 * DAY),
            "events that every subscription has, or that no live one waits for",
        )]),
    ),
    of(
        Service::Auth,
        "platform.event_failures",
        Kept::Deleted(&[function(
            "platform.delete_old_event_failures",
            After::Hours(90 * DAY),
            "events that a subscription could not handle",
        )]),
    ),
    of(
        Service::Auth,
        "platform.event_streams",
        Kept::Bounded("one row for each account"),
    ),
    of(
        Service::Auth,
        "platform.event_subscriptions",
        Kept::Bounded("one row for each subscription of a service"),
    ),
    of(
        Service::Auth,
        "platform.event_cursors",
        Kept::Bounded("one row for each account and subscription"),
    ),
    of(
        Service::Auth,
        "platform.event_backlog",
        Kept::Bounded("one row for each account and subscription; goes when all is delivered"),
    ),
    of(
        Service::Auth,
        "platform.revocations",
        Kept::Deleted(&[function(
            "platform.delete_expired_revocations",
            After::Hours(1),
            "revocations of credentials that have all expired",
        )]),
    ),
    of(
        Service::Auth,
        "platform.idempotency_keys",
        Kept::Deleted(&[rule(
            "idempotency_keys",
            After::Hours(DAY),
            "responses to repeatable requests",
        )]),
    ),
    of(
        Service::Auth,
        "platform.usage_events",
        Kept::Deleted(&[rule(
            "usage_events",
            After::Setting(Retention::Usage),
            "records of usage",
        )]),
    ),
    of(
        Service::Auth,
        "platform.quota_usage",
        Kept::Deleted(&[rule(
            "quota_months",
            After::Setting(Retention::Usage),
            "months of quotas; what is used now stays",
        )]),
    ),
    of(
        Service::Auth,
        "platform.tenant_settings",
        Kept::Bounded("one row for each account"),
    ),
    of(
        Service::Auth,
        "platform.consents",
        Kept::Content("they prove what a person agreed to, and when that ended"),
    ),
    of(
        Service::Auth,
        "auth.creators",
        Kept::Content("the account itself"),
    ),
    of(
        Service::Auth,
        "auth.users",
        Kept::Content("the people of an account, until they are removed"),
    ),
    of(Service::Auth, "auth.memberships", Kept::With("auth.users")),
    of(
        Service::Auth,
        "auth.login_directory",
        Kept::With("auth.users"),
    ),
    of(
        Service::Auth,
        "auth.platform_admins",
        Kept::With("auth.users"),
    ),
    of(Service::Auth, "auth.totp", Kept::With("auth.users")),
    of(
        Service::Auth,
        "auth.recovery_codes",
        Kept::With("auth.totp"),
    ),
    of(
        Service::Auth,
        "auth.managed_directory",
        Kept::With("auth.creators"),
    ),
    of(
        Service::Auth,
        "auth.owner_invitations",
        Kept::Bounded("an account has one that was accepted and one that waits"),
    ),
    of(
        Service::Auth,
        "auth.sessions",
        Kept::Deleted(&[rule(
            "sessions",
            ENDED_ACCESS,
            "sessions that expired or were revoked",
        )]),
    ),
    of(
        Service::Auth,
        "auth.refresh_tokens",
        Kept::Deleted(&[rule(
            "refresh_tokens",
            After::Hours(DAY),
            "tokens that expired; until then a second use is recognised",
        )]),
    ),
    of(
        Service::Auth,
        "auth.api_keys",
        Kept::Deleted(&[rule(
            "api_keys",
            ENDED_ACCESS,
            "keys that expired or were revoked",
        )]),
    ),
    of(
        Service::Auth,
        "auth.invites",
        Kept::Deleted(&[rule(
            "invites",
            ENDED_ACCESS,
            "invites that expired, were accepted or revoked",
        )]),
    ),
    of(
        Service::Auth,
        "auth.registration_invitations",
        Kept::Deleted(&[rule(
            "registration_invitations",
            ENDED_ACCESS,
            "invitations that expired, were accepted or revoked",
        )]),
    ),
    of(
        Service::Auth,
        "auth.mail_outbox",
        Kept::Deleted(&[rule(
            "emails",
            After::Setting(Retention::Emails),
            "emails that were sent or given up",
        )]),
    ),
    of(
        Service::Auth,
        "auth.email_tokens",
        Kept::Deleted(&[rule(
            "email_tokens",
            After::Hours(DAY),
            "links in emails that expired",
        )]),
    ),
    of(
        Service::Auth,
        "auth.reset_requests",
        Kept::Deleted(&[rule(
            "reset_requests",
            After::Hours(DAY),
            "requests for a new password; usually answered within seconds",
        )]),
    ),
    of(
        Service::Auth,
        "auth.audit_log",
        Kept::Content("each entry seals the one before: without its beginning, it proves less"),
    ),
    of(
        Service::Auth,
        "auth.audit_checkpoints",
        Kept::Content("they prove what the log was; at most one for each 15 minutes of activity"),
    ),
    of(
        Service::Auth,
        "auth.signing_keys",
        Kept::Bounded("a key goes when its last token has expired"),
    ),
    of(
        Service::Auth,
        "auth.privacy_requests",
        Kept::Deleted(&[rule(
            "exports",
            After::Hours(400 * DAY),
            "exports that ended; their files go much earlier",
        )]),
    ),
    of(
        Service::Auth,
        "auth.erasures",
        Kept::Content("the proof of an erasure outlives its account, without any name"),
    ),
    of(
        Service::CreatorHub,
        "hub.creator_profiles",
        Kept::Bounded("one row for each account"),
    ),
    of(
        Service::CreatorHub,
        "hub.artefacts",
        Kept::With("hub.documents"),
    ),
    of(
        Service::CreatorHub,
        "hub.documents",
        Kept::Content("the creator's own; a quota bounds them"),
    ),
    of(
        Service::CreatorHub,
        "hub.document_versions",
        Kept::With("hub.documents"),
    ),
    of(
        Service::CreatorHub,
        "hub.sites",
        Kept::Bounded("50 for each account"),
    ),
    of(
        Service::CreatorHub,
        "hub.site_pages",
        Kept::With("hub.sites"),
    ),
    of(
        Service::CreatorHub,
        "hub.collections",
        Kept::Bounded("100 for each account"),
    ),
    of(
        Service::CreatorHub,
        "hub.collection_documents",
        Kept::With("hub.collections"),
    ),
    of(
        Service::CreatorHub,
        "hub.qa_pairs",
        Kept::Bounded("2,000 for each account"),
    ),
    of(
        Service::CreatorHub,
        "hub.qa_questions",
        Kept::With("hub.qa_pairs"),
    ),
    of(
        Service::AiEngine,
        "ai.qa_pairs",
        Kept::Deleted(&[rule(
            "deleted_qa_pairs",
            After::Hours(DAY),
            "marks of pairs that creator-hub has deleted",
        )]),
    ),
    of(
        Service::AiEngine,
        "ai.qa_questions",
        Kept::With("ai.qa_pairs"),
    ),
    of(
        Service::AiEngine,
        "ai.document_access",
        Kept::Content("goes when creator-hub deletes the document"),
    ),
    of(
        Service::AiEngine,
        "ai.disclosures",
        Kept::Deleted(&[rule(
            "disclosures",
            After::Hours(90 * DAY),
            "which passages a visitor was shown, since the last one",
        )]),
    ),
    of(
        Service::AiEngine,
        "ai.indexed_documents",
        Kept::Content("goes when creator-hub deletes the document"),
    ),
    of(
        Service::AiEngine,
        "ai.chunks",
        Kept::With("ai.indexed_documents"),
    ),
    of(
        Service::AiEngine,
        "ai.vector_models",
        Kept::Bounded("one row for each account"),
    ),
    of(
        Service::AiEngine,
        "ai.postings",
        Kept::With("ai.indexed_documents"),
    ),
    of(
        Service::AiEngine,
        "ai.answer_settings",
        Kept::Bounded("one row for each account"),
    ),
    of(
        Service::AiEngine,
        "ai.generations",
        Kept::Deleted(&[rule(
            "generations",
            After::Setting(Retention::Usage),
            "records of answers, without question or text",
        )]),
    ),
    of(
        Service::Channel,
        "channel.channels",
        Kept::Content("a deleted channel keeps its row for its transcripts"),
    ),
    of(
        Service::Channel,
        "channel.conversations",
        Kept::Deleted(&[rule(
            "conversations",
            After::Setting(Retention::Conversations),
            "conversations since their last message",
        )]),
    ),
    of(
        Service::Channel,
        "channel.contacts",
        Kept::Deleted(&[rule(
            "contacts",
            After::Setting(Retention::Conversations),
            "visitors without a conversation",
        )]),
    ),
    of(
        Service::Channel,
        "channel.messages",
        Kept::With("channel.conversations"),
    ),
];

/// The rules that a service applies. Conversations come before their contacts.
pub(super) fn rules(service: Service) -> impl Iterator<Item = (&'static Table, &'static Rule)> {
    let own = move |table: &&Table| {
        table.owner == Owner::Service(service) || table.owner == Owner::EachService
    };
    TABLES.iter().filter(own).flat_map(|table| {
        let rules: &[Rule] = match table.kept {
            Kept::Deleted(rules) => rules,
            Kept::With(_) | Kept::Bounded(_) | Kept::Content(_) => &[],
        };
        rules.iter().map(move |rule| (table, rule))
    })
}
