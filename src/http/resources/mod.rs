//! Resources of the catalog, one file each.

pub mod authorizations;
pub mod buckets;
pub mod cardinality;
pub mod dbrps;
pub mod documents;
pub mod json;
pub mod labels;
pub mod legacy;
pub mod orgs;
pub mod people;
pub mod rejected;
pub mod remotes;
pub mod replications;
pub mod secrets;
pub mod tasks;
pub mod telegrafs;
pub mod users;
pub mod variables;
