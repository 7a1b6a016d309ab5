//! SELECT and EXPLAIN.

use super::super::ast::{
    Expr, Field, Fill, Limits, Literal, Measurement, MeasurementName, Order, Select, Source,
    Statement,
};
use super::super::error::ParseError;
use super::super::lex::Token;
use super::{Parser, Result, unexpected};

impl Parser<'_> {
    /// After the word SELECT.
    pub(super) fn select(&mut self) -> Result<Select> {
        let fields = self.fields()?;
        let into = if self.take("INTO") {
            Some(self.target()?)
        } else {
            None
        };
        self.expect("FROM")?;
        Ok(Select {
            fields,
            into,
            sources: self.sources(true)?,
            condition: self.condition()?,
            group_by: self.group_by()?,
            fill: self.fill()?,
            order: self.order_by()?,
            limits: Limits {
                limit: self.optional_count("LIMIT")?,
                offset: self.optional_count("OFFSET")?,
                series_limit: self.optional_count("SLIMIT")?,
                series_offset: self.optional_count("SOFFSET")?,
            },
            zone: self.zone()?,
        })
    }

    pub(super) fn explain(&mut self) -> Result<Statement> {
        let analyze = self.take("ANALYZE");
        let verbose = self.take("VERBOSE");
        self.expect("SELECT")?;
        let select = Box::new(self.select()?);
        Ok(Statement::Explain {
            select,
            analyze,
            verbose,
        })
    }

    fn fields(&mut self) -> Result<Vec<Field>> {
        let mut out = vec![self.field()?];
        while self.take(",") {
            out.push(self.field()?);
        }
        Ok(out)
    }

    fn field(&mut self) -> Result<Field> {
        let expr = match self.regex()? {
            Some(regex) => Expr::Regex(regex),
            None => self.field_expr()?,
        };
        let alias = if self.take("AS") {
            Some(self.ident()?)
        } else {
            None
        };
        Ok(Field { expr, alias })
    }

    fn field_expr(&mut self) -> Result<Expr> {
        let (_, position) = self.peek();
        let expr = self.expr()?;
        let mut wrong = None;
        expr.walk(&mut |part| {
            if let Expr::Binary(binary) = part
                && binary.op.precedence() <= 3
                && wrong.is_none()
            {
                wrong = Some(binary.op);
            }
        });
        match wrong {
            None => Ok(expr),
            Some(op) => Err(ParseError::plain(format!(
                "invalid operator {} in SELECT clause {position}; operator is intended for WHERE clause",
                op.symbol()
            ))),
        }
    }

    /// The measurement after INTO.
    pub(super) fn target(&mut self) -> Result<Measurement> {
        let mut parts = self.segments()?;
        let back = self.lexer.cursor;
        let same = parts.len() < 3 && self.lexer.token_here().0 == Token::Symbol(":");
        if same {
            self.expect("MEASUREMENT")?;
            parts.push(String::new());
        } else {
            self.back_to(back);
        }
        let mut measurement = measurement_of(parts, None);
        if same {
            measurement.name = MeasurementName::Same;
        }
        Ok(measurement)
    }

    pub(super) fn source(&mut self, subqueries: bool) -> Result<Source> {
        if let Some(regex) = self.regex()? {
            return Ok(Source::Measurement(Measurement {
                database: None,
                policy: None,
                name: MeasurementName::Regex(regex),
            }));
        }
        if subqueries && self.take("(") {
            self.expect("SELECT")?;
            let select = self.nested(Self::select)?;
            self.expect(")")?;
            return Ok(Source::Subquery(Box::new(select)));
        }
        self.measurement().map(Source::Measurement)
    }

    pub(super) fn measurement(&mut self) -> Result<Measurement> {
        let parts = self.segments()?;
        let (apart, back) = (self.lexer.at_blank(), self.lexer.cursor);
        let regex = if parts.len() < 3 { self.regex()? } else { None };
        if apart && regex.is_some() {
            self.back_to(back);
            return Err(ParseError::Unexpected {
                found: " ".to_owned(),
                expected: vec!["regex".to_owned()],
                position: self.lexer.position(),
            });
        }
        Ok(measurement_of(parts, regex.map(MeasurementName::Regex)))
    }

    pub(super) fn condition(&mut self) -> Result<Option<Expr>> {
        if self.take("WHERE") {
            self.expr().map(Some)
        } else {
            Ok(None)
        }
    }

    pub(super) fn group_by(&mut self) -> Result<Vec<Expr>> {
        if !self.take("GROUP") {
            return Ok(Vec::new());
        }
        self.expect("BY")?;
        let mut out = Vec::new();
        loop {
            out.push(match self.regex()? {
                Some(regex) => Expr::Regex(regex),
                None => self.expr()?,
            });
            if !self.take(",") {
                return Ok(out);
            }
        }
    }

    /// Whether a word that is no keyword comes next.
    fn word_follows(&mut self, word: &str) -> bool {
        matches!(self.peek().0, Token::Ident(name) if name.eq_ignore_ascii_case(word))
    }

    fn fill(&mut self) -> Result<Fill> {
        if !self.word_follows("fill") {
            return Ok(Fill::Null);
        }
        let Expr::Call(call) = self.expr()? else {
            return Err(ParseError::plain("fill must be a function call"));
        };
        let [option] = call.args.as_slice() else {
            return Err(ParseError::plain(
                "fill requires an argument, e.g.: 0, null, none, previous, linear",
            ));
        };
        match option {
            Expr::Var(var) if var.name == "null" => Ok(Fill::Null),
            Expr::Var(var) if var.name == "none" => Ok(Fill::None),
            Expr::Var(var) if var.name == "previous" => Ok(Fill::Previous),
            Expr::Var(var) if var.name == "linear" => Ok(Fill::Linear),
            Expr::Integer(value) => Ok(Fill::Number(Literal::Integer(*value))),
            Expr::Number(value) => Ok(Fill::Number(Literal::Float(*value))),
            _ => Err(ParseError::plain("expected number argument in fill()")),
        }
    }

    fn zone(&mut self) -> Result<Option<chrono_tz::Tz>> {
        if !self.word_follows("tz") {
            return Ok(None);
        }
        let Expr::Call(call) = self.expr()? else {
            return Err(ParseError::plain("tz must be a function call"));
        };
        let [zone] = call.args.as_slice() else {
            return Err(ParseError::plain("tz requires exactly one argument"));
        };
        let Expr::String(name) = zone else {
            return Err(ParseError::plain("expected string argument in tz()"));
        };
        name.parse()
            .map(Some)
            .map_err(|_| ParseError::plain(format!("unable to find time zone {name}")))
    }

    pub(super) fn order_by(&mut self) -> Result<Option<Order>> {
        if !self.take("ORDER") {
            return Ok(None);
        }
        self.expect("BY")?;
        let only_time = || ParseError::plain("only ORDER BY time supported at this time");
        let (token, position) = self.next();
        let order = match token {
            Token::Keyword("ASC") => Order::Ascending,
            Token::Keyword("DESC") => Order::Descending,
            Token::Ident(name) if name == "time" => {
                if self.take("DESC") {
                    Order::Descending
                } else {
                    self.take("ASC");
                    Order::Ascending
                }
            }
            Token::Ident(_) => return Err(only_time()),
            token => return Err(unexpected(&token, &["identifier", "ASC", "DESC"], position)),
        };
        if self.take(",") {
            Err(only_time())
        } else {
            Ok(Some(order))
        }
    }
}

fn measurement_of(mut parts: Vec<String>, regex: Option<MeasurementName>) -> Measurement {
    let name = regex.unwrap_or_else(|| MeasurementName::Name(parts.pop().unwrap_or_default()));
    let given = |part: Option<String>| part.filter(|text| !text.is_empty());
    let policy = given(parts.pop());
    Measurement {
        database: given(parts.pop()),
        policy,
        name,
    }
}
