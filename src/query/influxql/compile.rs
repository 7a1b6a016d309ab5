//! A SELECT's syntax tree to its plan.

use super::ast::{Call, Cast, Expr, Field, Order, Regex, Select, Source, Var, WildcardKind};
use super::check::{Checker, check_condition};
use super::error::{Result, StatementError};
use super::eval::{Math, Node};
use super::fold::{Constants, TimeBounds, constant};
use super::functions::Function;
use super::plan::{Argument, CallPlan, Column, ColumnRef, Options, Plan, PlanSource};
use super::schema::{Defaults, Schema, measurements};
use super::types;
use super::value::DataType;
use super::window::{Interval, interval_of};
use crate::model::{TIME_MAX, TIME_MIN};
use crate::query::context::QueryContext;
use std::collections::HashMap;
use std::sync::Arc;

/// Most columns that wildcards may expand to.
const COLUMNS_MAX: usize = 10_000;

pub struct Compiler<'a> {
    pub ctx: &'a QueryContext,
    pub defaults: Defaults<'a>,
}

/// What a subquery knows of the query around it while it is compiled.
#[derive(Clone, Copy)]
struct Outer {
    bounds: TimeBounds,
    interval: Option<Interval>,
    descending: bool,
}

impl Compiler<'_> {
    pub fn select(&self, select: &Select) -> Result<Plan> {
        let mut plan = self.statement(select, None)?;
        plan.inherit_downwards();
        Ok(plan)
    }

    fn statement(&self, select: &Select, outer: Option<Outer>) -> Result<Plan> {
        let constants = Constants {
            now_ns: self.ctx.now_ns,
            zone: select.zone,
        };
        let (filter, mut bounds) = match &select.condition {
            Some(condition) => constants.split_condition(condition)?,
            None => (None, TimeBounds::default()),
        };
        if let Some(filter) = &filter {
            check_condition(filter)?;
        }
        // Where a subquery has bounds itself, those of the outer query come later, and may be wider then.
        let mut own_bounds = bounds;
        let own_interval = interval_of(&select.group_by, &constants)?;
        let descending = select.order == Some(Order::Descending);
        if let Some(outer) = outer {
            if select.order.is_some() && descending != outer.descending {
                return Err(StatementError::invalid(
                    "subqueries must be ordered in the same direction as the query itself",
                ));
            }
            if own_bounds.min.is_none() && own_bounds.max.is_none() {
                own_bounds = outer.bounds;
            }
            bounds = bounds.intersect(outer.bounds);
        }
        let interval = own_interval.or(outer.and_then(|outer| outer.interval));
        let mut select = select.clone();
        for field in &mut select.fields {
            constants.fold(&mut field.expr);
        }
        let mut checker = Checker {
            has_interval: interval.is_some(),
            interval_inherited: own_interval.is_none(),
            limit: select.limits.limit,
            usage: super::check::Usage::default(),
        };
        checker.check(&select)?;
        let descending = outer.map_or(descending, |outer| outer.descending);
        let inner = Outer {
            bounds,
            interval,
            descending,
        };
        let sources = self.sources(&select.sources, inner)?;
        let options = Options {
            start: own_bounds.min.unwrap_or(TIME_MIN),
            end: own_bounds.max.unwrap_or(match own_interval {
                Some(_) => self.ctx.now_ns,
                None => TIME_MAX,
            }),
            interval: own_interval,
            fill: select.fill,
            descending,
            limits: select.limits,
        };
        let compiler = FieldCompiler::new(&sources, outer.is_none());
        compiler.finish(select, filter, options, sources)
    }

    fn sources(&self, sources: &[Source], inner: Outer) -> Result<Vec<PlanSource>> {
        let mut out = Vec::new();
        for source in sources {
            match source {
                Source::Measurement(measurement) => out.extend(
                    measurements(self.ctx, self.defaults, measurement)?
                        .into_iter()
                        .map(PlanSource::Stored),
                ),
                Source::Subquery(select) => {
                    let plan = self.statement(select, Some(inner))?;
                    out.push(PlanSource::Subquery(Box::new(plan)));
                }
            }
        }
        Ok(out)
    }
}

struct FieldCompiler {
    schema: Schema,
    calls: Vec<CallPlan>,
    refs: Vec<ColumnRef>,
    /// Only the outermost statement is refused for its types; elsewhere they make nulls.
    checks_types: bool,
}

/// A slot before it is known how many calls there are.
enum Draft {
    Call(usize),
    Ref(usize),
    Const(super::value::Value),
    Binary(super::ast::BinaryOp, Box<Draft>, Box<Draft>),
    Math(Math, Vec<Draft>),
}

impl FieldCompiler {
    fn new(sources: &[PlanSource], checks_types: bool) -> Self {
        let mut schema = Schema::default();
        for source in sources {
            schema.merge(&source.schema());
        }
        Self {
            schema,
            calls: Vec::new(),
            refs: Vec::new(),
            checks_types,
        }
    }

    fn finish(
        mut self,
        select: Select,
        filter: Option<Expr>,
        options: Options,
        sources: Vec<PlanSource>,
    ) -> Result<Plan> {
        let time_alias = select.fields.iter().find_map(|field| match &field.expr {
            Expr::Var(var) if var.name == "time" => field.alias.clone(),
            _ => None,
        });
        let fields: Vec<Field> = select
            .fields
            .iter()
            .filter(|field| !matches!(&field.expr, Expr::Var(var) if var.name == "time"))
            .cloned()
            .collect();
        let dimensions = self.dimensions(&select.group_by);
        let fields = self.expand(fields, &select.group_by)?;
        if fields.len() > COLUMNS_MAX {
            return Err(StatementError::invalid(format!(
                "query has {} columns, more than the {COLUMNS_MAX} allowed",
                fields.len()
            )));
        }
        let time_column = time_alias.unwrap_or_else(|| "time".to_owned());
        let fields = with_ranking_columns(fields);
        let names = column_names(&fields);
        let offered: Vec<String> = fields.iter().map(offered_name).collect();
        let mut drafts = Vec::new();
        for field in &fields {
            if self.checks_types {
                types::check(&field.expr, &self.schema)?;
            }
            drafts.push(self.draft(&field.expr)?);
        }
        let calls = self.calls.len();
        let columns = names
            .into_iter()
            .zip(offered)
            .zip(drafts)
            .map(|((name, offered_as), (draft, data_type))| Column {
                name,
                offered_as,
                data_type,
                node: draft.node(calls),
            })
            .collect();
        Ok(Plan {
            sources,
            filter,
            own_dimensions: dimensions.clone(),
            limit_dimensions: dimensions.clone(),
            dimensions,
            options,
            schema: Arc::new(self.schema),
            calls: self.calls,
            refs: self.refs,
            columns,
            time_column,
        })
    }

    /// The tags of GROUP BY, sorted and each once.
    fn dimensions(&self, group_by: &[Expr]) -> Vec<Arc<str>> {
        let mut out: Vec<Arc<str>> = Vec::new();
        for dimension in group_by {
            match dimension {
                Expr::Var(var) => out.push(var.name.as_str().into()),
                Expr::Wildcard(_) => out.extend(self.schema.tags.iter().cloned()),
                Expr::Regex(Regex { regex, .. }) => {
                    out.extend(
                        self.schema
                            .tags
                            .iter()
                            .filter(|tag| regex.is_match(tag))
                            .cloned(),
                    );
                }
                _ => {}
            }
        }
        out.sort();
        out.dedup();
        out
    }

    /// Replaces wildcards and regular expressions by the columns that they stand for.
    fn expand(&self, fields: Vec<Field>, group_by: &[Expr]) -> Result<Vec<Field>> {
        let grouped_by_wildcard = group_by
            .iter()
            .any(|expr| matches!(expr, Expr::Wildcard(_) | Expr::Regex(_)));
        let mut all: Vec<(Arc<str>, DataType)> = self
            .schema
            .fields
            .iter()
            .map(|(name, kind)| (Arc::clone(name), *kind))
            .collect();
        if !grouped_by_wildcard && !all.is_empty() {
            let grouped = |tag: &str| {
                group_by
                    .iter()
                    .any(|expr| matches!(expr, Expr::Var(var) if var.name == tag))
            };
            all.extend(
                self.schema
                    .tags
                    .iter()
                    .filter(|tag| !grouped(tag))
                    .map(|tag| (Arc::clone(tag), DataType::Tag)),
            );
        }
        // By name; where a field and a tag share it, the field first.
        all.sort_by(|a, b| {
            a.0.cmp(&b.0)
                .then((a.1 == DataType::Tag).cmp(&(b.1 == DataType::Tag)))
        });
        let mut out = Vec::new();
        for field in fields {
            match &field.expr {
                Expr::Wildcard(kind) => out.extend(
                    all.iter()
                        .filter(|(_, data_type)| match kind {
                            None => true,
                            Some(WildcardKind::Tag) => *data_type == DataType::Tag,
                            Some(WildcardKind::Field) => *data_type != DataType::Tag,
                        })
                        .map(|(name, data_type)| plain_field(name, *data_type)),
                ),
                Expr::Regex(regex) => out.extend(
                    all.iter()
                        .filter(|(name, _)| regex.regex.is_match(name))
                        .map(|(name, data_type)| plain_field(name, *data_type)),
                ),
                Expr::Call(call) => expand_call(&field, call, &all, &mut out)?,
                Expr::Binary(_) => {
                    check_no_wildcard(&field.expr)?;
                    out.push(field);
                }
                _ => out.push(field),
            }
        }
        Ok(out)
    }

    fn draft(&mut self, expr: &Expr) -> Result<(Draft, DataType)> {
        match expr {
            Expr::Var(var) => {
                let column = self.column(var);
                let data_type = column.data_type;
                Ok((Draft::Ref(add_once(&mut self.refs, column)), data_type))
            }
            Expr::Paren(inner) => self.draft(inner),
            Expr::Distinct(name) => self.draft(&distinct_call(name)),
            Expr::Call(call) => match Math::of(&call.name) {
                Some(math) => self.draft_math(math, call),
                None => {
                    let plan = self.call(call)?;
                    let data_type = plan.result_type;
                    Ok((Draft::Call(add_once(&mut self.calls, plan)), data_type))
                }
            },
            Expr::Binary(binary) => {
                let (left, left_type) = self.draft(&binary.left)?;
                let (right, right_type) = self.draft(&binary.right)?;
                let data_type = types::result_type(binary.op, left_type, right_type);
                Ok((
                    Draft::Binary(binary.op, Box::new(left), Box::new(right)),
                    data_type,
                ))
            }
            other => match constant(other) {
                Some(value) => {
                    let data_type = value.data_type();
                    Ok((Draft::Const(value), data_type))
                }
                None => Err(StatementError::invalid(format!(
                    "invalid expression: {other}"
                ))),
            },
        }
    }

    fn draft_math(&mut self, math: Math, call: &Call) -> Result<(Draft, DataType)> {
        let mut args = Vec::new();
        let mut data_type = DataType::Float;
        for (at, arg) in call.args.iter().enumerate() {
            let (draft, arg_type) = self.draft(arg)?;
            if at == 0 && math.keeps_type() {
                data_type = arg_type;
            }
            args.push(draft);
        }
        Ok((Draft::Math(math, args), data_type))
    }

    fn call(&self, call: &Call) -> Result<CallPlan> {
        let function = Function::of(call, 0)?;
        let argument = match call.args.first() {
            Some(Expr::Var(var)) => Argument::Column(self.column(var)),
            Some(Expr::Call(inner)) => Argument::Call(Box::new(self.call(inner)?)),
            Some(Expr::Distinct(name)) => match distinct_call(name) {
                Expr::Call(inner) => Argument::Call(Box::new(self.call(&inner)?)),
                _ => return Err(StatementError::invalid("invalid expression")),
            },
            _ => {
                let name = &call.name;
                return Err(StatementError::invalid(format!(
                    "expected field argument in {name}()"
                )));
            }
        };
        let by = call
            .args
            .get(1..)
            .unwrap_or_default()
            .iter()
            .filter_map(|arg| match arg {
                Expr::Var(var) => Some(self.column(var)),
                _ => None,
            });
        let by = by.collect();
        let mut plan = CallPlan {
            name: call.name.clone(),
            function,
            argument,
            by,
            result_type: DataType::Unknown,
        };
        let input = plan.input_type();
        if input.is_field() && !plan.function.takes(input) {
            return Err(StatementError::invalid(format!(
                "unsupported {} iterator type: *query.{}InterruptIterator",
                plan.name.replace('_', " "),
                input.name()
            )));
        }
        plan.result_type = plan.function.result_type(input);
        Ok(plan)
    }

    fn column(&self, var: &Var) -> ColumnRef {
        ColumnRef {
            name: var.name.as_str().into(),
            data_type: resolve(&self.schema, var),
        }
    }
}

/// The type as which a name is read.
pub fn resolve(schema: &Schema, var: &Var) -> DataType {
    match var.cast {
        None => schema.type_of(&var.name),
        Some(Cast::Tag) => DataType::Tag,
        Some(Cast::Field) => schema
            .fields
            .get(var.name.as_str())
            .copied()
            .unwrap_or_default(),
        Some(Cast::Float) => DataType::Float,
        Some(Cast::Integer) => DataType::Integer,
        Some(Cast::Unsigned) => DataType::Unsigned,
        Some(Cast::String) => DataType::String,
        Some(Cast::Boolean) => DataType::Boolean,
    }
}

impl Draft {
    fn node(self, calls: usize) -> Node {
        match self {
            Self::Call(at) => Node::Slot(at),
            Self::Ref(at) => Node::Slot(calls + at),
            Self::Const(value) => Node::Const(value),
            Self::Binary(op, left, right) => {
                Node::Binary(op, Box::new(left.node(calls)), Box::new(right.node(calls)))
            }
            Self::Math(math, args) => {
                Node::Math(math, args.into_iter().map(|arg| arg.node(calls)).collect())
            }
        }
    }
}

fn add_once<T: PartialEq>(all: &mut Vec<T>, one: T) -> usize {
    match all.iter().position(|known| *known == one) {
        Some(at) => at,
        None => {
            all.push(one);
            all.len() - 1
        }
    }
}

fn distinct_call(name: &str) -> Expr {
    let position = super::error::Position::default();
    let var = Expr::Var(Var {
        name: name.to_owned(),
        cast: None,
        position,
    });
    Expr::Call(Call {
        name: "distinct".to_owned(),
        args: vec![var],
        position,
    })
}

fn plain_field(name: &str, data_type: DataType) -> Field {
    let cast = (data_type == DataType::Tag).then_some(Cast::Tag);
    let var = Var {
        name: name.to_owned(),
        cast,
        position: super::error::Position::default(),
    };
    Field {
        expr: Expr::Var(var),
        alias: None,
    }
}

/// A call whose innermost argument is a wildcard becomes one call for each field that fits.
fn expand_call(
    field: &Field,
    call: &Call,
    all: &[(Arc<str>, DataType)],
    out: &mut Vec<Field>,
) -> Result<()> {
    let mut inner = call;
    while let Some(Expr::Call(next)) = inner.args.first() {
        inner = next;
    }
    let regex = match inner.args.first() {
        Some(Expr::Wildcard(Some(WildcardKind::Tag))) => {
            let name = &inner.name;
            return Err(StatementError::invalid(format!(
                "unable to use tag wildcard in {name}()"
            )));
        }
        Some(Expr::Wildcard(_)) => None,
        Some(Expr::Regex(regex)) => Some(regex),
        _ => {
            out.push(field.clone());
            return Ok(());
        }
    };
    let takes = |data_type| match Function::of(inner, 0) {
        Ok(function) => function.expands_to(data_type),
        Err(_) => data_type.is_numeric(),
    };
    let prefix = field
        .alias
        .clone()
        .unwrap_or_else(|| field.expr.column_name());
    for (name, data_type) in all {
        let fits = data_type.is_field()
            && takes(*data_type)
            && regex.is_none_or(|regex| regex.regex.is_match(name));
        if fits {
            let mut expr = field.expr.clone();
            replace_innermost(&mut expr, name);
            out.push(Field {
                expr,
                alias: Some(format!("{prefix}_{name}")),
            });
        }
    }
    Ok(())
}

fn replace_innermost(expr: &mut Expr, name: &str) {
    let Expr::Call(call) = expr else { return };
    match call.args.first_mut() {
        Some(inner @ Expr::Call(_)) => replace_innermost(inner, name),
        Some(argument) => {
            let position = super::error::Position::default();
            *argument = Expr::Var(Var {
                name: name.to_owned(),
                cast: None,
                position,
            });
        }
        None => {}
    }
}

fn check_no_wildcard(expr: &Expr) -> Result<()> {
    let mut found = None;
    expr.walk(&mut |part| match part {
        Expr::Wildcard(_) => found = Some("wildcard"),
        Expr::Regex(_) => found = found.or(Some("regex field")),
        _ => {}
    });
    match found {
        None => Ok(()),
        Some(what) => Err(StatementError::invalid(format!(
            "unsupported expression with {what}: {expr}"
        ))),
    }
}

/// The names that top() and bottom() rank by are columns of their own, after the value.
fn with_ranking_columns(fields: Vec<Field>) -> Vec<Field> {
    let mut out = Vec::new();
    for field in fields {
        let extra: Vec<Field> = match &field.expr {
            Expr::Call(call) if matches!(call.name.as_str(), "top" | "bottom") => call
                .args
                .get(1..)
                .unwrap_or_default()
                .iter()
                .filter(|arg| matches!(arg, Expr::Var(_)))
                .map(|arg| Field {
                    expr: arg.clone(),
                    alias: None,
                })
                .collect(),
            _ => Vec::new(),
        };
        out.push(field);
        out.extend(extra);
    }
    out
}

fn offered_name(field: &Field) -> String {
    field
        .alias
        .clone()
        .unwrap_or_else(|| field.expr.column_name())
}

/// The names of the columns: aliases first, then what the expressions suggest, made unique.
fn column_names(fields: &[Field]) -> Vec<String> {
    let mut next: HashMap<String, usize> = HashMap::new();
    for field in fields {
        if let Some(alias) = &field.alias {
            next.insert(alias.clone(), 1);
        }
    }
    let mut out = Vec::new();
    for field in fields {
        if let Some(alias) = &field.alias {
            out.push(alias.clone());
            continue;
        }
        let name = field.expr.column_name();
        let Some(mut count) = next.get(&name).copied() else {
            next.insert(name.clone(), 1);
            out.push(name);
            continue;
        };
        let unique = loop {
            let candidate = format!("{name}_{count}");
            count += 1;
            if !next.contains_key(&candidate) {
                break candidate;
            }
        };
        next.insert(name, count);
        next.insert(unique.clone(), 1);
        out.push(unique);
    }
    out
}
