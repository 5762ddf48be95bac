//! `hub.creator_profiles`.

use shared_db::TenantTx;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::domain::saved_profile::{ProfileFields, SavedProfile};

/// The tenant's profile, if it was ever saved.
pub(crate) async fn find(tx: &mut TenantTx) -> sqlx::Result<Option<SavedProfile>> {
    sqlx::query(
        "select display_name, bio, avatar_url, website_url, coaching_categories,
                experience_years, certifications, timezone, language, version, created_at,
                updated_at
         from hub.creator_profiles",
    )
    .fetch_optional(tx.conn())
    .await?
    .map(|row| read(&row))
    .transpose()
}

/// Replaces that version of the profile, or creates it if the version is 0; none if another
/// version is current.
pub(crate) async fn save(
    tx: &mut TenantTx,
    fields: ProfileFields,
    over: i32,
) -> sqlx::Result<Option<SavedProfile>> {
    let sql = if over == 0 {
        "insert into hub.creator_profiles (creator_id, display_name, bio, avatar_url, website_url,
             coaching_categories, experience_years, certifications, timezone, language)
         select $1, $3, $4, $5, $6, $7, $8, $9, $10, $11 where $2 = 0
         on conflict (creator_id) do nothing
         returning display_name, bio, avatar_url, website_url, coaching_categories,
             experience_years, certifications, timezone, language, version, created_at, updated_at"
    } else {
        "update hub.creator_profiles
         set display_name = $3, bio = $4, avatar_url = $5, website_url = $6,
             coaching_categories = $7, experience_years = $8, certifications = $9, timezone = $10,
             language = $11, version = version + 1, updated_at = now()
         where creator_id = $1 and version = $2
         returning display_name, bio, avatar_url, website_url, coaching_categories,
             experience_years, certifications, timezone, language, version, created_at, updated_at"
    };
    let creator = tx.creator();
    sqlx::query(sql)
        .bind(creator)
        .bind(over)
        .bind(fields.display_name)
        .bind(fields.bio)
        .bind(fields.avatar_url)
        .bind(fields.website_url)
        .bind(fields.coaching_categories)
        .bind(fields.experience_years)
        .bind(fields.certifications)
        .bind(fields.timezone)
        .bind(fields.language)
        .fetch_optional(tx.conn())
        .await?
        .map(|row| read(&row))
        .transpose()
}

fn read(row: &PgRow) -> sqlx::Result<SavedProfile> {
    Ok(SavedProfile {
        fields: ProfileFields {
            display_name: row.try_get("display_name")?,
            bio: row.try_get("bio")?,
            avatar_url: row.try_get("avatar_url")?,
            website_url: row.try_get("website_url")?,
            coaching_categories: row.try_get("coaching_categories")?,
            experience_years: row.try_get("experience_years")?,
            certifications: row.try_get("certifications")?,
            timezone: row.try_get("timezone")?,
            language: row.try_get("language")?,
        },
        version: row.try_get("version")?,
        created_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
            .to_jiff(),
        updated_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("updated_at")?
            .to_jiff(),
    })
}
