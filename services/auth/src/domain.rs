//! Pure rules: no I/O, no clock, no database, no HTTP.

pub(crate) mod access_token;
pub(crate) mod api_key;
pub(crate) mod audit;
pub(crate) mod credentials;
pub(crate) mod device;
pub(crate) mod email;
pub(crate) mod email_token;
pub(crate) mod full_name;
pub(crate) mod login_address;
pub(crate) mod owner_invitation;
pub(crate) mod password;
pub(crate) mod refresh_token;
pub(crate) mod registration;
pub(crate) mod tenant;
pub(crate) mod totp;
pub(crate) mod usage;
