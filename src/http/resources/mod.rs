//! Resources of the catalog, one file each.

pub mod authorizations;
pub mod buckets;
pub mod cardinality;
pub mod json;
pub mod orgs;
pub mod users;
