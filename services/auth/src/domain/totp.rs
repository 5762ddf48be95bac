//! One-time codes of an authenticator app (RFC 6238), and codes for who lost the app.

use sha2::{Digest as _, Sha256};
use shared_config::Secret;
use totp_rs::{Algorithm, Builder, Totp, TotpError};

/// Digits of a code.
const DIGITS: u8 = 6;
/// Seconds that a code is shown.
const STEP: u64 = 30;
/// So many steps before and after are taken, too: clocks differ, and typing takes time.
const SKEW: u16 = 1;
/// Bytes of a secret: the length of the hash (RFC 4226, section 4).
pub(crate) const SECRET: usize = 20;
/// What apps show above the code.
const ISSUER: &str = "Creator Platform";

/// Recovery codes that one person has.
pub(crate) const RECOVERY_CODES: usize = 10;
/// Letters of a recovery code, without those that look alike: 12 of them are 60 bits.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567892";
const LENGTH: usize = 12;

/// The app's side of a secret.
#[derive(Debug)]
pub(crate) struct Enrolment {
    /// The secret in base32, to be typed.
    pub(crate) secret: String,
    /// The same as `otpauth:` URI, to be shown as a QR code.
    pub(crate) uri: String,
}

/// Tells the app about a secret.
pub(crate) fn enrolment(secret: &[u8], email: &str) -> Result<Enrolment, TotpError> {
    let totp = totp(secret, email)?;
    Ok(Enrolment {
        secret: totp.secret().to_base32(),
        uri: totp.to_url()?,
    })
}

/// The time step that a code belongs to; none when the code is wrong.
pub(crate) fn step_of(secret: &[u8], code: &str, now: i64) -> Result<Option<i64>, TotpError> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let all_digits = code.len() == usize::from(DIGITS) && code.bytes().all(|b| b.is_ascii_digit());
    if !all_digits {
        return Ok(None);
    }
    let seconds = u64::try_from(now).unwrap_or_default();
    let step = totp(secret, "account")?.check(&code, seconds);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

fn totp(secret: &[u8], account: &str) -> Result<Totp, TotpError> {
    // A colon separates issuer and account in the URI.
    let account = account.replace(':', "");
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_skew(SKEW)
        .with_step_duration(STEP)
        .with_secret(secret.to_vec())
        .with_account_name(account)
        .with_issuer(Some(ISSUER))
        .build()
}

/// A code that works once, for who lost the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecoveryCode(Secret<String>);

impl RecoveryCode {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; LENGTH];
        getrandom::fill(&mut bytes)?;
        let letter = |byte: u8| char::from(LETTERS[usize::from(byte) % LETTERS.len()]);
        Ok(Self(Secret::new(bytes.into_iter().map(letter).collect())))
    }

    /// A code as somebody typed it: case, spaces and hyphens do not matter.
    pub(crate) fn received(text: &str) -> Self {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        Self(Secret::new(
            letters.map(|c| c.to_ascii_lowercase()).collect(),
        ))
    }

    /// What the database keeps. Of 60 random bits no salt is needed.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose()).into()
    }

    /// As it is shown, once: in groups of four.
    pub(crate) fn shown(&self) -> String {
        let letters: Vec<char> = self.0.expose().chars().collect();
        let groups: Vec<String> = letters
            .chunks(4)
            .map(|four| four.iter().collect())
            .collect();
        groups.join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Secret and time of RFC 6238, appendix B; its codes have eight digits, ours the last six.
    const RFC_SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = step_of(RFC_SECRET, code, time).unwrap();
            assert_eq!(step, Some(time / 30), "{time}");
        }
    }

    #[test]
    fn a_code_lives_for_its_step_and_one_on_either_side() {
        let step = |now| step_of(RFC_SECRET, "081804", now).unwrap();
        let its = 1_111_111_109 / 30;
        assert_eq!(step(its * 30 - 30), Some(its));
        assert_eq!(step(its * 30 + 59), Some(its));
        assert_eq!(step(its * 30 - 31), None);
        assert_eq!(step(its * 30 + 60), None);
        assert_eq!(step_of(RFC_SECRET, "081 804", its * 30).unwrap(), Some(its));
        for wrong in ["", "08180", "0818044", "081805", "08180a", "٠٨١٨٠٤"] {
            assert_eq!(
                step_of(RFC_SECRET, wrong, its * 30).unwrap(),
                None,
                "{wrong}"
            );
        }
    }

    #[test]
    fn the_app_learns_the_secret_by_a_uri() {
        let Enrolment { secret, uri } = enrolment(RFC_SECRET, "ana@example.com").unwrap();
        assert_eq!(secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(
            uri.starts_with("otpauth://totp/Creator%20Platform:ana%40example.com?"),
            "{uri}"
        );
        assert!(
            uri.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
            "{uri}"
        );
        assert!(uri.contains("issuer=Creator%20Platform"), "{uri}");
    }

    #[test]
    fn a_recovery_code_may_be_typed_as_it_comes() {
        let code = RecoveryCode::random().unwrap();
        let shown = code.shown();
        assert_eq!(shown.len(), LENGTH + 2);
        let typed = shown.to_uppercase().replace('-', " ");
        let typed = RecoveryCode::received(&format!(" {typed} "));
        assert_eq!(typed.hash(), code.hash());
        assert_ne!(RecoveryCode::random().unwrap(), code);
    }
}
