//! What `tests/fixtures/make` noted about the platform that it made: `fixture.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// A platform as an earlier version left it.
#[derive(Debug, Deserialize)]
pub(crate) struct Fixture {
    /// Keys and names that the services were started with.
    pub(crate) settings: BTreeMap<String, String>,
    /// The number of rows of each table.
    pub(crate) rows: BTreeMap<String, i64>,
    pub(crate) vectors: usize,
    pub(crate) files: usize,
    /// Names of the keys that access tokens are verified with.
    pub(crate) signing_keys: Vec<String>,
    pub(crate) invited_owner: InvitedOwner,
    pub(crate) accounts: Vec<Account>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) plan: String,
    pub(crate) creator_id: Uuid,
    pub(crate) suspended: bool,
    /// The Tenant resource that describes the account.
    pub(crate) resource: Option<Resource>,
    pub(crate) people: Vec<Person>,
    pub(crate) open_invite: Option<Invite>,
    pub(crate) api_key: Option<String>,
    pub(crate) revoked_api_key: Option<String>,
    pub(crate) documents: Vec<Document>,
    pub(crate) conversation: Option<Conversation>,
    /// A channel that was created by a request with an idempotency key.
    pub(crate) repeatable: Option<Repeatable>,
    #[serde(default)]
    pub(crate) consents: BTreeMap<String, bool>,
    pub(crate) export: Option<Export>,
    #[serde(default)]
    pub(crate) emails: Vec<Email>,
    /// The code of the e-mail that confirms the owner's address.
    pub(crate) verification_code: Option<String>,
    /// The code of the e-mail by which the second person sets a new password.
    pub(crate) reset_code: Option<String>,
    pub(crate) audit_entries: i64,
}

/// The owner of an account who had not come in yet.
#[derive(Debug, Deserialize)]
pub(crate) struct InvitedOwner {
    pub(crate) resource: Resource,
    pub(crate) creator_id: Uuid,
    pub(crate) token: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Resource {
    pub(crate) uid: Uuid,
    pub(crate) wish: Value,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Person {
    pub(crate) role: String,
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) refresh_token: String,
    /// It was exchanged for the other one already.
    pub(crate) spent_refresh_token: String,
    pub(crate) totp_secret: Option<String>,
    #[serde(default)]
    pub(crate) recovery_codes: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Invite {
    pub(crate) role: String,
    pub(crate) token: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Document {
    pub(crate) id: Uuid,
    pub(crate) title: String,
    pub(crate) state: DocumentState,
    #[serde(default)]
    pub(crate) version: i64,
    #[serde(default)]
    pub(crate) chunks: i64,
    /// A query that shares an exact word with the text.
    #[serde(default)]
    pub(crate) words: String,
    /// A query that does not: only vectors answer it.
    #[serde(default)]
    pub(crate) meaning: String,
    /// Part of the passage that this query finds.
    #[serde(default)]
    pub(crate) contains: String,
}

/// The state of a document when the platform was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DocumentState {
    Pending,
    Processing,
    Ready,
    Failed,
    /// Its deletion was not finished.
    Erasing,
    /// Nothing of it is left.
    Deleted,
}

impl DocumentState {
    /// Whether this version has to finish what the earlier one began.
    pub(crate) const fn in_progress(self) -> bool {
        matches!(self, Self::Pending | Self::Processing)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Conversation {
    pub(crate) id: Uuid,
    pub(crate) channel: Uuid,
    pub(crate) origin: String,
    /// Valid until the year 2100.
    pub(crate) visitor_token: String,
    pub(crate) appearance: Value,
    pub(crate) messages: Vec<Value>,
    /// The last of them, when nobody answered it any more.
    pub(crate) unanswered: Option<Unanswered>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Unanswered {
    pub(crate) seq: i64,
    /// Part of a right answer.
    pub(crate) contains: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Repeatable {
    pub(crate) key: String,
    /// As it was sent: a repetition is recognised by the same bytes.
    pub(crate) body: String,
    pub(crate) id: Uuid,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Export {
    pub(crate) id: Uuid,
    pub(crate) finished: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Email {
    pub(crate) to: String,
    pub(crate) subject: String,
}

impl Fixture {
    pub(crate) fn read(version: &str) -> Self {
        serde_json::from_str(&text(version, "fixture.json")).unwrap()
    }
}

impl Account {
    pub(crate) fn owner(&self) -> &Person {
        &self.people[0]
    }

    /// The documents that a creator sees, in whatever state.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &Document> {
        self.documents.iter().filter(|document| {
            !matches!(
                document.state,
                DocumentState::Erasing | DocumentState::Deleted
            )
        })
    }

    pub(crate) fn ready(&self) -> impl Iterator<Item = &Document> {
        self.documents
            .iter()
            .filter(|document| document.state == DocumentState::Ready)
    }
}

/// The path of a part of a fixture.
pub(crate) fn path(version: &str, name: &str) -> PathBuf {
    let fixtures = platform_tests::root().join("tests/fixtures");
    fixtures.join(version).join(name)
}

pub(crate) fn text(version: &str, name: &str) -> String {
    let path = path(version, name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
