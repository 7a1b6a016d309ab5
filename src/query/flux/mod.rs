//! Flux: text to results.
//!
//! ```text
//! text ─ lex ─ parse ─▶ ast ─ check ─▶ eval (stdlib) ─▶ query::plan ─▶ exec ─▶ annotated CSV
//! ```
//! [`lex`], [`parse`] and [`ast`] know the whole grammar, with places. [`check`] finds unknown names
//! before anything runs. [`eval`] computes what does not depend on stored points: streams of tables stay
//! plan nodes ([`stream`]) and functions over rows become expressions ([`row`]). The library, in
//! [`stdlib`], is what of the language's functions exists; others are refused by name and place.
//! [`tree_json`] is the tree as clients send and read it. Reading points is left to `query::exec`.

pub mod ast;
pub mod check;
pub mod error;
pub mod eval;
pub mod lex;
pub mod parse;
pub mod regexp;
mod request;
pub mod row;
pub mod span;
pub mod stdlib;
pub mod stream;
pub mod testcase;
#[cfg(test)]
pub mod tests;
pub mod time;
pub mod token;
pub mod tree_json;
pub mod value;

pub use request::{
    Diagnostic, FluxRequest, analyze, ast_json, execute, execute_for_errors,
    execute_without_output, plan,
};
pub use stdlib::suggestions;
