//! A profile as it is saved: its fields, version and times.

use jiff::Timestamp;

/// The fields of a profile.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProfileFields {
    pub(crate) display_name: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) avatar_url: Option<String>,
    pub(crate) website_url: Option<String>,
    pub(crate) coaching_categories: Vec<String>,
    pub(crate) experience_years: Option<i16>,
    pub(crate) certifications: Vec<String>,
    pub(crate) timezone: Option<String>,
    pub(crate) language: Option<String>,
}

/// A saved profile.
#[derive(Debug, Clone)]
pub(crate) struct SavedProfile {
    pub(crate) fields: ProfileFields,
    pub(crate) version: i32,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}
