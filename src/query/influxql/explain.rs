//! EXPLAIN and EXPLAIN ANALYZE: what a SELECT reads, and what it costs.

use super::Session;
use super::answer::{AnswerWriter, SeriesHead};
use super::ast::Select;
use super::compile::Compiler;
use super::error::Result;
use super::exec::{self, RowSink};
use super::plan::{Argument, CallPlan, ColumnRef, Plan, PlanSource};
use super::schema::Defaults;
use super::value::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Session<'_> {
    pub(super) fn explain(
        &self,
        select: &Select,
        analyze: bool,
        defaults: Defaults<'_>,
        out: &mut dyn AnswerWriter,
    ) -> Result<()> {
        let started = Instant::now();
        let plan = Compiler {
            ctx: self.ctx,
            defaults,
        }
        .select(select)?;
        let planned = started.elapsed();
        let (column, lines) = if analyze {
            let mut sink = Counter::default();
            exec::run(self.ctx, &plan, &mut sink)?;
            let total = started.elapsed();
            ("EXPLAIN ANALYZE", self.costs(&plan, planned, total, &sink)?)
        } else {
            let mut lines = Vec::new();
            self.describe(&plan, &mut lines)?;
            ("QUERY PLAN", lines)
        };
        out.series(SeriesHead {
            columns: Arc::new(vec![column.to_owned()]),
            ..SeriesHead::default()
        })?;
        for line in lines {
            out.row(&[Value::string(&line)])?;
        }
        Ok(())
    }

    /// A paragraph for each call, or one for a SELECT without calls; of subqueries the innermost ones.
    fn describe(&self, plan: &Plan, lines: &mut Vec<String>) -> Result<()> {
        let mut stored = false;
        for source in &plan.sources {
            match source {
                PlanSource::Subquery(inner) => self.describe(inner, lines)?,
                PlanSource::Stored(_) => stored = true,
            }
        }
        if !stored {
            return Ok(());
        }
        let series = exec::stored_series(self.ctx, plan)?;
        let expressions: Vec<String> = match plan.calls.as_slice() {
            [] => vec!["<nil>".to_owned()],
            calls => calls.iter().map(call_text).collect(),
        };
        for expression in expressions {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push(format!("EXPRESSION: {expression}"));
            if !plan.refs.is_empty() {
                lines.push(format!("AUXILIARY FIELDS: {}", refs_text(&plan.refs)));
            }
            lines.push(format!("NUMBER OF SERIES: {series}"));
        }
        Ok(())
    }

    fn costs(
        &self,
        plan: &Plan,
        planned: Duration,
        total: Duration,
        counted: &Counter,
    ) -> Result<Vec<String>> {
        let mut described = Vec::new();
        self.describe(plan, &mut described)?;
        let mut lines = vec![
            ".".to_owned(),
            "└── select".to_owned(),
            format!(
                "    ├── execution_time: {:?}",
                total.saturating_sub(planned)
            ),
            format!("    ├── planning_time: {planned:?}"),
            format!("    ├── total_time: {total:?}"),
            format!("    ├── series: {}", counted.series),
            format!("    ├── rows: {}", counted.rows),
            "    └── labels".to_owned(),
        ];
        described.retain(|line| !line.is_empty());
        let last = described.len().saturating_sub(1);
        for (at, line) in described.iter().enumerate() {
            let branch = if at == last { "└──" } else { "├──" };
            lines.push(format!("        {branch} {}", line.to_lowercase()));
        }
        Ok(lines)
    }
}

fn call_text(call: &CallPlan) -> String {
    let argument = match &call.argument {
        Argument::Column(column) => column_text(column),
        Argument::Call(inner) => call_text(inner),
    };
    format!("{}({argument})", call.name)
}

fn column_text(column: &ColumnRef) -> String {
    format!("{}::{}", column.name, column.data_type.name())
}

fn refs_text(refs: &[ColumnRef]) -> String {
    let mut texts: Vec<String> = refs.iter().map(column_text).collect();
    texts.sort();
    texts.join(", ")
}

/// Counts what a query puts out, and drops it.
#[derive(Default)]
struct Counter {
    series: u64,
    rows: u64,
}

impl RowSink for Counter {
    fn series(&mut self, _: &Arc<str>, _: &[(Arc<str>, Arc<str>)]) -> Result<()> {
        self.series += 1;
        Ok(())
    }

    fn row(&mut self, _: i64, _: &[Value]) -> Result<()> {
        self.rows += 1;
        Ok(())
    }
}
