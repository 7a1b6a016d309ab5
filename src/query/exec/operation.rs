//! Transformations of the library that no node of the plan stands for.

use super::{Tables, group};
use crate::query::context::{QueryContext, QueryError};
use crate::query::table::Table;
use std::fmt;

/// Makes tables of tables. It is never looked into: nothing is pushed through it.
pub trait Operation: fmt::Debug + Send + Sync {
    fn run<'a>(
        &'a self,
        ctx: &'a QueryContext,
        inputs: Vec<Tables<'a>>,
    ) -> Result<Tables<'a>, QueryError>;
}

/// Changes one table at a time; the group keys stay distinct.
pub struct EachTable<F> {
    pub name: &'static str,
    pub change: F,
}

/// Changes one table at a time; tables whose keys become equal are merged.
pub struct Regroup<F> {
    pub name: &'static str,
    pub change: F,
}

/// Needs all tables of all inputs at once.
pub struct Whole<F> {
    pub name: &'static str,
    pub change: F,
}

macro_rules! named {
    ($($kind:ident)*) => {$(
        impl<F> fmt::Debug for $kind<F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name)
            }
        }
    )*};
}
named!(EachTable Regroup Whole);

fn only(inputs: Vec<Tables<'_>>) -> Tables<'_> {
    Box::new(inputs.into_iter().flatten())
}

impl<F> Operation for EachTable<F>
where
    F: Fn(&QueryContext, Table) -> Result<Table, QueryError> + Send + Sync,
{
    fn run<'a>(
        &'a self,
        ctx: &'a QueryContext,
        inputs: Vec<Tables<'a>>,
    ) -> Result<Tables<'a>, QueryError> {
        Ok(Box::new(only(inputs).map(move |table| {
            ctx.check()?;
            (self.change)(ctx, table?)
        })))
    }
}

impl<F> Operation for Regroup<F>
where
    F: Fn(&QueryContext, Table) -> Result<Vec<Table>, QueryError> + Send + Sync,
{
    fn run<'a>(
        &'a self,
        ctx: &'a QueryContext,
        inputs: Vec<Tables<'a>>,
    ) -> Result<Tables<'a>, QueryError> {
        group::regroup(ctx, only(inputs), |table| (self.change)(ctx, table))
    }
}

impl<F> Operation for Whole<F>
where
    F: Fn(&QueryContext, Vec<Vec<Table>>) -> Result<Vec<Table>, QueryError> + Send + Sync,
{
    fn run<'a>(
        &'a self,
        ctx: &'a QueryContext,
        inputs: Vec<Tables<'a>>,
    ) -> Result<Tables<'a>, QueryError> {
        let mut booked = 0;
        let mut all = Vec::with_capacity(inputs.len());
        for input in inputs {
            let mut tables = Vec::new();
            for table in input {
                ctx.check()?;
                let table = table?;
                let bytes = table.memory_bytes();
                ctx.take_memory(bytes)?;
                booked += bytes;
                tables.push(table);
            }
            all.push(tables);
        }
        let made = (self.change)(ctx, all);
        ctx.give_memory(booked);
        Ok(Box::new(made?.into_iter().map(Ok)))
    }
}
