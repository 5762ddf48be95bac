//! Which model's vectors the search of an account uses, and who may make those of another one.
//!
//! Vectors of two models cannot be compared. So an account is searched by those of one model until
//! the platform's present model has made all of them, and changes to it in one step.

use jiff::{SignedDuration, Timestamp};

/// A change is left to the processes that want it. After this time, a process that started before
/// it may take it back: those that wanted it may be gone.
const OUTDATED_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Old vectors are kept so long after a change: a search may have begun before it.
pub(crate) const LEFTOVERS_TTL: SignedDuration = SignedDuration::from_mins(1);

/// What is recorded of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountModels {
    /// The model whose vectors are searched.
    pub(crate) model: String,
    /// The model whose vectors are being made.
    pub(crate) next: Option<String>,
    /// Since when another model is wanted, or none any more.
    pub(crate) changed_at: Timestamp,
    /// Since when there may be vectors that no search uses.
    pub(crate) leftovers_since: Option<Timestamp>,
}

/// How many documents and questions a model has embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EmbeddedCounts {
    pub(crate) documents: i64,
    pub(crate) documents_done: i64,
    pub(crate) questions: i64,
    pub(crate) questions_done: i64,
}

impl EmbeddedCounts {
    /// Whether nothing is left to do.
    pub(crate) const fn is_complete(&self) -> bool {
        self.documents == self.documents_done && self.questions == self.questions_done
    }
}

/// The process that decides what is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CurrentProcess<'a> {
    /// The embedding model of the platform, as it was configured when the process started.
    pub(crate) model: &'a str,
    pub(crate) started_at: Timestamp,
}

/// The vectors of one search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SearchedModel<'a> {
    /// The model that made them, and that embeds the question.
    pub(crate) model: &'a str,
    /// Whether vectors of another model are being made, and some of this one may be missing.
    pub(crate) is_changing: bool,
}

/// What is to be done for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeStep {
    /// Nothing.
    Rest,
    /// Other processes have another model, and theirs is newer.
    StandAside,
    /// Record that the present model is wanted, then embed.
    Begin,
    /// Embed what the present model has not embedded yet.
    Embed,
    /// The old vectors can be deleted after this time.
    Wait(SignedDuration),
    /// Delete the old vectors.
    DeleteLeftovers,
}

impl AccountModels {
    /// The model that the account has, or will have.
    fn target(&self) -> &str {
        self.next.as_deref().unwrap_or(&self.model)
    }
}

/// The model that a search uses. Nothing is recorded of what an earlier release embedded: its
/// model was the present one, unless the platform changed it with the upgrade.
pub(crate) fn searched<'a>(
    account: Option<&'a AccountModels>,
    present: &'a str,
) -> SearchedModel<'a> {
    account.map_or(
        SearchedModel {
            model: present,
            is_changing: false,
        },
        |account| SearchedModel {
            model: &account.model,
            is_changing: account.next.is_some() || account.model != present,
        },
    )
}

/// What a process does for an account. While a rollout replaces processes of one model by those of
/// another, the newer ones decide: two that undid each other's work would never end.
pub(crate) fn step(
    account: Option<&AccountModels>,
    process: CurrentProcess<'_>,
    is_complete: bool,
    now: Timestamp,
) -> ChangeStep {
    let Some(account) = account else {
        return if is_complete {
            ChangeStep::Rest
        } else {
            ChangeStep::Begin
        };
    };
    if account.target() != process.model {
        let is_newer = process.started_at > account.changed_at;
        let is_left = now.duration_since(account.changed_at) > OUTDATED_AFTER;
        return if is_newer || is_left {
            ChangeStep::Begin
        } else {
            ChangeStep::StandAside
        };
    }
    match (&account.next, is_complete, account.leftovers_since) {
        (Some(_), _, _) => ChangeStep::Embed,
        (None, false, _) => ChangeStep::Begin,
        (None, true, None) => ChangeStep::Rest,
        (None, true, Some(since)) => {
            let left = LEFTOVERS_TTL - now.duration_since(since);
            if left.is_positive() {
                ChangeStep::Wait(left)
            } else {
                ChangeStep::DeleteLeftovers
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "all-minilm";
    const NEW: &str = "multilingual-e5-small";

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn account(model: &str, next: Option<&str>) -> AccountModels {
        AccountModels {
            model: model.to_owned(),
            next: next.map(str::to_owned),
            changed_at: at(0),
            leftovers_since: None,
        }
    }

    fn process(model: &str, started: i64) -> CurrentProcess<'_> {
        CurrentProcess {
            model,
            started_at: at(started),
        }
    }

    #[test]
    fn the_old_model_is_searched_until_the_account_has_changed() {
        let during = account(OLD, Some(NEW));
        let old = SearchedModel {
            model: OLD,
            is_changing: true,
        };
        assert_eq!(searched(Some(&during), NEW), old);
        // Before the change is recorded, and by a replica that knows only the old model.
        assert_eq!(searched(Some(&account(OLD, None)), NEW), old);
        assert_eq!(searched(Some(&during), OLD), old);
        let after = account(NEW, None);
        let found = searched(Some(&after), NEW);
        assert_eq!((found.model, found.is_changing), (NEW, false));
        assert_eq!(searched(None, NEW), found);
    }

    #[test]
    fn a_change_begins_goes_on_and_ends_with_the_old_vectors() {
        let of = |account: &AccountModels, is_complete, now| {
            step(Some(account), process(NEW, 1), is_complete, at(now))
        };
        assert_eq!(of(&account(OLD, None), false, 2), ChangeStep::Begin);
        assert_eq!(of(&account(OLD, None), true, 2), ChangeStep::Begin);
        assert_eq!(of(&account(OLD, Some(NEW)), false, 2), ChangeStep::Embed);
        // Complete: it is only to be switched.
        assert_eq!(of(&account(OLD, Some(NEW)), true, 2), ChangeStep::Embed);
        let mut after = account(NEW, None);
        assert_eq!(of(&after, true, 2), ChangeStep::Rest);
        after.leftovers_since = Some(at(2));
        let wait = ChangeStep::Wait(SignedDuration::from_mins(1));
        assert_eq!(of(&after, true, 2), wait);
        assert_eq!(of(&after, true, 3), ChangeStep::DeleteLeftovers);
        // A document that another replica has embedded with another model.
        assert_eq!(of(&after, false, 3), ChangeStep::Begin);
    }

    #[test]
    fn a_change_back_in_the_middle_begins_again() {
        let back = step(
            Some(&account(OLD, Some(NEW))),
            process(OLD, 5),
            false,
            at(6),
        );
        assert_eq!(back, ChangeStep::Begin);
    }

    #[test]
    fn an_older_process_does_not_undo_the_change_of_a_newer_one() {
        for account in [account(OLD, Some(NEW)), account(NEW, None)] {
            let of = |now| step(Some(&account), process(OLD, -10), true, at(now));
            assert_eq!(of(5), ChangeStep::StandAside);
            assert_eq!(of(61), ChangeStep::Begin);
        }
    }

    #[test]
    fn what_an_earlier_release_embedded_is_looked_at_once() {
        assert_eq!(step(None, process(NEW, 1), false, at(2)), ChangeStep::Begin);
        assert_eq!(step(None, process(NEW, 1), true, at(2)), ChangeStep::Rest);
    }
}
