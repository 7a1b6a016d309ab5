//! The syntax tree of a Flux file. Every node knows its place in the text.
//!
//! Trees are of bounded height ([`HEIGHT_MAX`]), so that walking one by recursion is safe.

use super::span::Span;
use std::sync::Arc;

/// Names are shared between the tree and the scopes of the evaluator.
pub type Name = Arc<str>;

/// Longest way from the root of an expression to a leaf. Chains of `and` and `or` are one node however
/// long they are, so only pathological programs come near.
pub const HEIGHT_MAX: u16 = 300;

#[derive(Debug, Clone, PartialEq)]
pub struct File {
    pub span: Span,
    pub attributes: Vec<Attribute>,
    pub package: Option<Identifier>,
    pub imports: Vec<Import>,
    pub body: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    pub span: Span,
    pub alias: Option<Identifier>,
    pub path: StringLiteral,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StringLiteral {
    pub span: Span,
    pub value: Name,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Identifier {
    pub span: Span,
    pub name: Name,
}

/// `@name(parameters)`: tolerated, without meaning here.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    pub span: Span,
    pub name: Name,
    pub parameters: Vec<Expression>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    pub span: Span,
    pub attributes: Vec<Attribute>,
    pub kind: StatementKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum StatementKind {
    Expression(Expression),
    Variable(Assignment),
    Option {
        target: OptionTarget,
        value: Expression,
    },
    Return(Expression),
    Builtin {
        name: Identifier,
        type_span: Span,
    },
    TestCase {
        name: Identifier,
        extends: Option<StringLiteral>,
        body: Block,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    pub name: Identifier,
    pub value: Expression,
}

#[derive(Debug, Clone, PartialEq)]
pub enum OptionTarget {
    Variable(Identifier),
    /// `option package.name = ...`
    Member {
        object: Identifier,
        property: Identifier,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub span: Span,
    pub body: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    pub span: Span,
    /// 1 for a leaf.
    pub height: u16,
    pub kind: ExpressionKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ExpressionKind {
    Identifier(Name),
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    String(Name),
    Interpolation(Vec<StringPart>),
    Duration(Vec<DurationPart>),
    /// Nanoseconds since the epoch.
    Time(i64),
    Regex(Name),
    Label(Name),
    /// `<-`, the default of a pipe parameter.
    PipeReceive,
    Array(Vec<Expression>),
    Dict(Vec<(Expression, Expression)>),
    Record {
        with: Option<Identifier>,
        properties: Vec<Property>,
    },
    Paren(Box<Expression>),
    Function(Arc<FunctionLiteral>),
    Call {
        callee: Box<Expression>,
        arguments: Vec<Property>,
    },
    /// `argument |> call`; the parser makes sure that `call` is a [`Call`](Self::Call).
    Pipe {
        argument: Box<Expression>,
        call: Box<Expression>,
    },
    Member {
        object: Box<Expression>,
        property: PropertyKey,
    },
    Index {
        object: Box<Expression>,
        index: Box<Expression>,
    },
    Unary {
        operator: UnaryOperator,
        operand: Box<Expression>,
    },
    Binary {
        operator: BinaryOperator,
        left: Box<Expression>,
        right: Box<Expression>,
    },
    /// `a and b and c`: at least two parts.
    Logical {
        operator: LogicalOperator,
        parts: Vec<Expression>,
    },
    Conditional {
        test: Box<Expression>,
        then: Box<Expression>,
        otherwise: Box<Expression>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum StringPart {
    Text { span: Span, value: Name },
    Expression { span: Span, expression: Expression },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationPart {
    pub magnitude: i64,
    /// One of the lexer's units; `µs` is `us`.
    pub unit: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    pub span: Span,
    pub key: PropertyKey,
    /// Missing in the short form `{a}` for `{a: a}`.
    pub value: Option<Expression>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PropertyKey {
    pub span: Span,
    pub name: Name,
    /// Written as a string.
    pub quoted: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FunctionLiteral {
    pub parameters: Vec<Parameter>,
    pub body: FunctionBody,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    pub span: Span,
    pub name: Identifier,
    /// A piped parameter has [`ExpressionKind::PipeReceive`] here.
    pub default: Option<Expression>,
}

impl Parameter {
    pub fn is_pipe(&self) -> bool {
        self.default
            .as_ref()
            .is_some_and(|value| matches!(value.kind, ExpressionKind::PipeReceive))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum FunctionBody {
    Expression(Expression),
    Block(Block),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOperator {
    Plus,
    Minus,
    Not,
    Exists,
}

impl UnaryOperator {
    pub const fn text(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Not => "not",
            Self::Exists => "exists",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogicalOperator {
    And,
    Or,
}

impl LogicalOperator {
    pub const fn text(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Match,
    NotMatch,
}

impl BinaryOperator {
    pub const ALL: [Self; 14] = [
        Self::Add,
        Self::Subtract,
        Self::Multiply,
        Self::Divide,
        Self::Modulo,
        Self::Power,
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessEqual,
        Self::Greater,
        Self::GreaterEqual,
        Self::Match,
        Self::NotMatch,
    ];

    pub const fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "^",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Match => "=~",
            Self::NotMatch => "!~",
        }
    }
}

impl Expression {
    pub fn new(span: Span, kind: ExpressionKind) -> Self {
        let height = kind.height_below().saturating_add(1);
        Self { span, height, kind }
    }
}

impl ExpressionKind {
    /// Height of the highest child; 0 for a leaf.
    fn height_below(&self) -> u16 {
        match self {
            Self::Array(items) | Self::Logical { parts: items, .. } => highest(items),
            Self::Dict(items) => items
                .iter()
                .map(|(key, value)| key.height.max(value.height))
                .max()
                .unwrap_or(0),
            Self::Interpolation(parts) => parts.iter().map(StringPart::height).max().unwrap_or(0),
            Self::Record { properties, .. } => properties_height(properties),
            Self::Paren(inner) => inner.height,
            Self::Function(function) => function.height(),
            Self::Call { callee, arguments } => callee.height.max(properties_height(arguments)),
            Self::Pipe { argument, call } => argument.height.max(call.height),
            Self::Member { object, .. } => object.height,
            Self::Index { object, index } => object.height.max(index.height),
            Self::Unary { operand, .. } => operand.height,
            Self::Binary { left, right, .. } => left.height.max(right.height),
            Self::Conditional {
                test,
                then,
                otherwise,
            } => test.height.max(then.height).max(otherwise.height),
            _ => 0,
        }
    }
}

fn highest(expressions: &[Expression]) -> u16 {
    expressions
        .iter()
        .map(|expression| expression.height)
        .max()
        .unwrap_or(0)
}

fn properties_height(properties: &[Property]) -> u16 {
    properties
        .iter()
        .filter_map(|property| property.value.as_ref())
        .map(|value| value.height)
        .max()
        .unwrap_or(0)
}

impl StringPart {
    fn height(&self) -> u16 {
        match self {
            Self::Text { .. } => 0,
            Self::Expression { expression, .. } => expression.height,
        }
    }
}

impl FunctionLiteral {
    fn height(&self) -> u16 {
        let defaults = self
            .parameters
            .iter()
            .filter_map(|parameter| parameter.default.as_ref());
        let defaults = defaults.map(|value| value.height).max().unwrap_or(0);
        let body = match &self.body {
            FunctionBody::Expression(expression) => expression.height,
            FunctionBody::Block(block) => block.height(),
        };
        defaults.max(body)
    }
}

impl Block {
    fn height(&self) -> u16 {
        self.body.iter().map(Statement::height).max().unwrap_or(0)
    }
}

impl Statement {
    fn height(&self) -> u16 {
        match &self.kind {
            StatementKind::Expression(value)
            | StatementKind::Return(value)
            | StatementKind::Option { value, .. }
            | StatementKind::Variable(Assignment { value, .. }) => value.height,
            StatementKind::Builtin { .. } => 0,
            StatementKind::TestCase { body, .. } => body.height(),
        }
    }
}
