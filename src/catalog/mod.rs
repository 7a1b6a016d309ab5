//! Orgs, buckets, users, passwords, authorizations and sessions: who there is and what they may do.
//!
//! Everything is in memory and in the `meta` family; a change is committed (and on disk) before it is seen.
//! Our own secrets are stored as hashes only: tokens as SHA-256 (they are 64 random bytes), passwords with
//! argon2id. Tokens of remotes are stored as they are.

mod databases;
mod documents;
mod error;
mod legacy;
pub mod lookup;
mod mappings;
mod members;
pub mod permission;
mod records;
mod replications;
mod restore;
mod secrets;
mod sessions;
mod setup;
mod store;
mod things;

pub use databases::{Policy, PolicySettings};
pub use documents::{Document, Documents};
pub use error::CatalogError;
pub use legacy::{LegacyAuthorization, NewLegacy};
pub use mappings::NewMapping;
pub use permission::{Action, Permission, Resource};
pub use records::{Authorization, Bucket, Member, Org, Status, User};
pub use replications::{
    MAX_AGE_SECONDS_DEFAULT, Protocol, QUEUE_BYTES_DEFAULT, Remote, RemoteToken, Replication,
};
pub use restore::{Restored, new_operator, restore};
pub use sessions::SESSION_SECONDS;
pub use setup::{SetupAnswer, SetupRequest};
pub use store::{BucketChange, BucketFilter, Catalog, NewAuthorization, NewBucket};
pub use things::{Label, OrgSecret, Telegraf, Variable};
