//! Tokens and passwords.

use super::error::CatalogError;
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use sha2::{Digest, Sha256};

/// Random bytes of a token, as in InfluxDB: 88 characters of base64.
const TOKEN_BYTES: usize = 64;

/// Tokens are looked up by this.
pub type TokenHash = [u8; 32];

pub fn hash_token(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

pub fn hex(hash: &TokenHash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn new_token() -> Result<String, CatalogError> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| CatalogError::Unavailable(format!("no random numbers: {error}")))?;
    Ok(URL_SAFE.encode(bytes))
}

pub fn check_password_length(password: &str) -> Result<(), CatalogError> {
    if (8..=72).contains(&password.len()) {
        return Ok(());
    }
    Err(CatalogError::Invalid(
        "passwords must be between 8 and 72 characters long".to_owned(),
    ))
}

/// Slow on purpose: not for the threads that serve requests.
pub fn hash_password(password: &str) -> Result<String, CatalogError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)
        .map_err(|error| CatalogError::Unavailable(format!("no random numbers: {error}")))?;
    let failed = |error: argon2::password_hash::Error| {
        CatalogError::Unavailable(format!("the password could not be hashed: {error}"))
    };
    let salt = SaltString::encode_b64(&salt).map_err(failed)?;
    let hash = Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map_err(failed)?;
    Ok(hash.to_string())
}

/// As slow as hashing, whether the user exists or not.
pub fn verify_password(stored: Option<&str>, password: &str) -> bool {
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                          AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let Ok(hash) = PasswordHash::new(stored.unwrap_or(NOBODY)) else {
        return false;
    };
    Argon2::default()
        .verify_password(password.as_bytes(), &hash)
        .is_ok()
        && stored.is_some()
}
