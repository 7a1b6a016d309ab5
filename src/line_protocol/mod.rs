//! Line protocol: a whole body in, points out, or the first line that is wrong.

pub mod batch;
mod error;
mod escape;
pub mod lines;
mod number;
mod parse;
pub mod reference;
mod series;

pub use batch::ParsedBatch;
pub use error::{ParseError, Reason};
pub use parse::{ParseOptions, Parser};

#[cfg(test)]
mod tests;
