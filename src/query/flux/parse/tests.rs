//! Trees are compared as fully parenthesised text.

use super::*;
use crate::query::flux::ast::*;
use proptest::prelude::*;

fn show(expression: &Expression) -> String {
    let list = |items: &[Expression]| items.iter().map(show).collect::<Vec<_>>().join(", ");
    let properties = |items: &[Property]| {
        items
            .iter()
            .map(|item| match &item.value {
                Some(value) => format!("{}: {}", item.key.name, show(value)),
                None => item.key.name.to_string(),
            })
            .collect::<Vec<_>>()
            .join(", ")
    };
    match &expression.kind {
        ExpressionKind::Identifier(name) => name.to_string(),
        ExpressionKind::Integer(value) => value.to_string(),
        ExpressionKind::Float(value) => format!("{value:?}"),
        ExpressionKind::String(value) => format!("{value:?}"),
        ExpressionKind::Interpolation(parts) => {
            let parts: Vec<_> = parts
                .iter()
                .map(|part| match part {
                    StringPart::Text { value, .. } => format!("{value:?}"),
                    StringPart::Expression { expression, .. } => show(expression),
                })
                .collect();
            format!("concat({})", parts.join(", "))
        }
        ExpressionKind::Duration(parts) => parts
            .iter()
            .map(|part| format!("{}{}", part.magnitude, part.unit))
            .collect(),
        ExpressionKind::Time(value) => format!("time({value})"),
        ExpressionKind::Regex(source) => format!("/{source}/"),
        ExpressionKind::Label(name) => format!(".{name}"),
        ExpressionKind::PipeReceive => "<-".to_owned(),
        ExpressionKind::Array(items) => format!("[{}]", list(items)),
        ExpressionKind::Dict(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|(key, value)| format!("{}: {}", show(key), show(value)))
                .collect();
            format!("dict[{}]", items.join(", "))
        }
        ExpressionKind::Record {
            with,
            properties: items,
        } => match with {
            Some(with) => format!("{{{} with {}}}", with.name, properties(items)),
            None => format!("{{{}}}", properties(items)),
        },
        ExpressionKind::Paren(inner) => show(inner),
        ExpressionKind::Function(function) => {
            let parameters: Vec<_> = function
                .parameters
                .iter()
                .map(|parameter| match &parameter.default {
                    Some(value) => format!("{}={}", parameter.name.name, show(value)),
                    None => parameter.name.name.to_string(),
                })
                .collect();
            let body = match &function.body {
                FunctionBody::Expression(body) => show(body),
                FunctionBody::Block(block) => format!("block of {}", block.body.len()),
            };
            format!("fn({}) {body}", parameters.join(", "))
        }
        ExpressionKind::Call { callee, arguments } => {
            format!("{}({})", show(callee), properties(arguments))
        }
        ExpressionKind::Pipe { argument, call } => {
            format!("({} |> {})", show(argument), show(call))
        }
        ExpressionKind::Member { object, property } => {
            format!("{}.{}", show(object), property.name)
        }
        ExpressionKind::Index { object, index } => format!("{}[{}]", show(object), show(index)),
        ExpressionKind::Unary { operator, operand } => {
            format!("({} {})", operator.text(), show(operand))
        }
        ExpressionKind::Binary {
            operator,
            left,
            right,
        } => {
            format!("({} {} {})", show(left), operator.text(), show(right))
        }
        ExpressionKind::Logical { operator, parts } => {
            let parts: Vec<_> = parts.iter().map(show).collect();
            format!("({})", parts.join(&format!(" {} ", operator.text())))
        }
        ExpressionKind::Conditional {
            test,
            then,
            otherwise,
        } => {
            format!(
                "(if {} then {} else {})",
                show(test),
                show(then),
                show(otherwise)
            )
        }
        ExpressionKind::Boolean(value) => value.to_string(),
        ExpressionKind::Unsigned(value) => value.to_string(),
    }
}

fn tree(text: &str) -> String {
    let parsed = parse(text);
    assert_eq!(parsed.errors, [], "{text}");
    match parsed.file.body.as_slice() {
        [
            Statement {
                kind: StatementKind::Expression(expression),
                ..
            },
        ] => show(expression),
        [
            Statement {
                kind: StatementKind::Variable(assignment),
                ..
            },
        ] => show(&assignment.value),
        other => panic!("{text}: {other:?}"),
    }
}

fn errors(text: &str) -> Vec<String> {
    parse(text).errors.iter().map(ToString::to_string).collect()
}

#[test]
fn operators_bind_as_the_language_says() {
    for (text, expected) in [
        ("1 + 2 * 3", "(1 + (2 * 3))"),
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("2 * 3 ^ 4 % 5", "((2 * (3 ^ 4)) % 5)"),
        ("2 ^ 3 ^ 4", "((2 ^ 3) ^ 4)"),
        ("-a.b ^ 2", "((- a.b) ^ 2)"),
        ("-1h", "(- 1h)"),
        (
            "a == b + 1 and c or not d < 2",
            "(((a == (b + 1)) and c) or (not (d < 2)))",
        ),
        ("a or b or c and d and e", "(a or b or (c and d and e))"),
        ("(a or b) or c", "((a or b) or c)"),
        ("not not exists r.x", "(not (not (exists r.x)))"),
        ("exists r.x == true", "(exists (r.x == true))"),
        ("a |> f() |> g(n: 1) == b", "(((a |> f()) |> g(n: 1)) == b)"),
        ("1 + a |> f()", "(1 + (a |> f()))"),
        ("-a |> f()", "((- a) |> f())"),
        ("r.a[\"b\"][0].c(d: 1)[i]", "r.a.b[0].c(d: 1)[i]"),
        ("a =~ /x\\/y/ and b !~ /z/", "((a =~ /x/y/) and (b !~ /z/))"),
        ("a / b / c", "((a / b) / c)"),
        (
            "if a then b else if c then d else e",
            "(if a then b else (if c then d else e))",
        ),
        (
            "if a or b then 1 else 2 + 3",
            "(if (a or b) then 1 else (2 + 3))",
        ),
    ] {
        assert_eq!(tree(text), expected, "{text}");
    }
}

#[test]
fn literals_of_all_kinds_are_read() {
    for (text, expected) in [
        ("[]", "[]"),
        ("[1, 2,]", "[1, 2]"),
        ("[:]", "dict[]"),
        ("[\"a\": 1, \"b\": 2,]", "dict[\"a\": 1, \"b\": 2]"),
        ("{}", "{}"),
        ("{a: 1, \"b c\": 2, d}", "{a: 1, b c: 2, d}"),
        ("{r with a: 1}", "{r with a: 1}"),
        ("{with: 1}", "{with: 1}"),
        ("{if: 1}", "{if: 1}"),
        ("1970-01-01T00:00:00.000000001Z", "time(1)"),
        ("1y2mo3\u{b5}s", "1y2mo3us"),
        (".5", "0.5"),
        ("\"a\\n\\x41\\${b}\\\"\"", "\"a\\nA${b}\\\"\""),
        (
            "\"a${b + \"c${d}\"}e\"",
            "concat(\"a\", (b + concat(\"c\", d)), \"e\")",
        ),
        ("\"\"", "\"\""),
        ("\"${a}\"", "concat(a)"),
        (".label", ".label"),
        ("\"\u{e6}\\xe6\\x97\\xa5\"", "\"\u{e6}\u{65e5}\""),
    ] {
        assert_eq!(tree(text), expected, "{text}");
    }
}

#[test]
fn functions_and_parentheses_are_told_apart() {
    for (text, expected) in [
        ("() => 1", "fn() 1"),
        ("(a) => a", "fn(a) a"),
        ("(a)", "a"),
        ("(a) + 1", "(a + 1)"),
        ("(a, b=1, t=<-) => a", "fn(a, b=1, t=<-) a"),
        ("(a=(b) => b, c) => a", "fn(a=fn(b) b, c) a"),
        ("(r) => ({r with a: 1})", "fn(r) {r with a: 1}"),
        ("(r) => { x = 1 return x }", "fn(r) block of 2"),
        ("(t=<-) => t |> f()", "fn(t=<-) (t |> f())"),
        ("(() => 1)()", "fn() 1()"),
    ] {
        assert_eq!(tree(text), expected, "{text}");
    }
}

#[test]
fn statements_of_all_kinds_are_read() {
    let text = r#"
        @edition("2022.1")
        package main

        import "strings"
        import i "influxdata/influxdb"

        // a note
        option now = () => 2020-01-01T00:00:00Z
        option i.write = (tables=<-) => tables
        builtin f : (<-tables: stream[A], ?n: int, g: (r: {A with b: [string:int]}) => bool) => stream[{A with c: .d}] where A: Record + Addable, B: Comparable
        a = 1
        from(bucket: "b")
            |> range(start: -1h)
        testcase t extends "x/y" { x = 1 f() }
        @feature
        b = a
    "#;
    let parsed = parse(text);
    assert_eq!(parsed.errors, []);
    assert_eq!(parsed.file.package.unwrap().name.as_ref(), "main");
    assert_eq!(
        parsed.file.imports[1].alias.as_ref().unwrap().name.as_ref(),
        "i"
    );
    assert_eq!(parsed.file.body.len(), 7);
    assert_eq!(parsed.file.body[6].attributes.len(), 1);
    assert!(matches!(
        parsed.file.body[1].kind,
        StatementKind::Option {
            target: OptionTarget::Member { .. },
            ..
        }
    ));
}

#[test]
fn statements_need_no_separator() {
    let parsed = parse("a = 1 b = 2\nc(d: a)\ne");
    assert_eq!((parsed.errors.len(), parsed.file.body.len()), (0, 4));
}

#[test]
fn faults_are_told_with_their_place() {
    for (text, expected) in [
        (
            "x = ",
            "@1:5-1:5: expected an expression, got the end of the query",
        ),
        ("f(1)", "@1:3-1:4: expected name: value, got 1"),
        (
            "f(a: 1 b: 2)",
            "@1:8-1:9: expected a comma or ) after the property, got b",
        ),
        (
            "a |> b",
            "@1:6-1:7: pipe destination must be a function call",
        ),
        ("x = \"abc", "@1:5-1:6: the string has no closing \""),
        ("x = \"a\\qb\"", "@1:6-1:10: invalid escape \\q in a string"),
        (
            "x = /a",
            "@1:5-1:6: the regular expression has no closing /",
        ),
        (
            "x = /(/",
            "@1:5-1:8: invalid regular expression: unclosed group",
        ),
        (
            "x = 99999999999999999999",
            "@1:5-1:25: invalid integer literal 99999999999999999999: out of range",
        ),
        (
            "x = 007",
            "@1:5-1:8: invalid integer literal 007: it can't start with 0",
        ),
        (
            "x = 2020-13-01",
            "@1:5-1:15: invalid time literal 2020-13-01: no such time, or out of range",
        ),
        (
            "x = 1 $ 2",
            "@1:7-1:8: expected an expression, got unexpected character \"$\"",
        ),
        (
            "[1, 2",
            "@1:6-1:6: expected ] or a comma after the element, got the end of the query",
        ),
        (
            "import a",
            "@1:9-1:9: expected a string as the path of the package to import, got the end of the query",
        ),
        (
            "a = 1\nimport \"x\"",
            "@2:1-2:7: imports must stand before all other statements, got import",
        ),
        (
            "\"${a\"",
            "@1:5-1:6: expected } to end the interpolation, got a string",
        ),
        ("1 == not a", "@1:6-1:9: expected an expression, got not"),
    ] {
        assert_eq!(
            errors(text)[0],
            format!("compilation failed: error {expected}"),
            "{text}"
        );
    }
}

#[test]
fn the_parser_goes_on_after_a_fault() {
    let text = "a = )\nb = 1\nc = [1 2]\nd = \"\nx = 1\" e = 2";
    let found = errors(text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("@1:5"), "{found:?}");
    assert!(found[1].contains("@3:8"), "{found:?}");
    assert!(errors(&"x = )\n".repeat(1000)).len() <= ERRORS_MAX);
}

#[test]
fn deep_nesting_and_long_chains_are_refused_not_overflowed() {
    for text in [
        "(".repeat(100_000),
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "x = ".to_owned() + &"-".repeat(100_000) + "1",
        "not ".repeat(100_000) + "a",
        "if a then b else ".repeat(100_000),
        "() => ".repeat(100_000),
        "() => {".repeat(100_000),
        "\"${".repeat(100_000),
        "builtin a : ".to_owned() + &"[".repeat(100_000),
        "x = 1".to_owned() + &" + 1".repeat(100_000),
        "a".to_owned() + &"()".repeat(100_000),
        "a".to_owned() + &" |> f()".repeat(100_000),
        "a = 1 ^".to_owned() + &"1 ^ 1 * 2 + 3 == 4 and 5 or ".repeat(50_000),
    ] {
        assert!(!parse(&text).errors.is_empty());
    }
    assert_eq!(
        errors(&("x = a".to_owned() + &" or a".repeat(50_000))),
        Vec::<String>::new()
    );
    assert_eq!(
        errors(&("x = a".to_owned() + &" |> f()".repeat(250))),
        Vec::<String>::new()
    );
    let nested = "(".repeat(90) + "1" + &")".repeat(90);
    assert_eq!(errors(&nested), Vec::<String>::new());
    assert!(errors(&" ".repeat(TEXT_BYTES_MAX + 1))[0].contains("bytes long"));
}

const PIECES: [&str; 48] = [
    "a",
    "r",
    "from",
    "1",
    "1.5",
    "1h",
    "2020-01-01",
    "\"s\"",
    "\"",
    "${",
    "}",
    "{",
    "(",
    ")",
    "[",
    "]",
    ":",
    ",",
    ".",
    "=",
    "=>",
    "==",
    "=~",
    "/",
    "/x/",
    "|>",
    "<-",
    "+",
    "-",
    "*",
    "not",
    "and",
    "or",
    "if",
    "then",
    "else",
    "exists",
    "import",
    "option",
    "return",
    "builtin",
    "testcase",
    "with",
    "@",
    "?",
    "\n",
    "\u{e4}",
    "\\",
];

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        parse(&text);
    }

    #[test]
    fn arbitrary_words_never_panic(
        words in proptest::collection::vec(proptest::sample::select(PIECES.as_slice()), 0..80),
        separator in proptest::sample::select(vec!["", " ", "\n"]),
    ) {
        parse(&words.join(separator));
    }

    #[test]
    fn mutated_programs_never_panic(
        at in 0_usize..400,
        length in 0_usize..20,
        insert in "\\PC{0,8}",
    ) {
        let program = "import \"strings\"\noption now = () => 2020-01-01T00:00:00Z\n\
            f = (t=<-, n=10) => t |> limit(n)\n\
            from(bucket: \"b\") |> range(start: -1h, stop: 2020-01-01)\n\
            |> filter(fn: (r) => r._m == \"x\" and r[\"host\"] =~ /a.*\\/b/ or not exists r.c)\n\
            |> map(fn: (r) => ({r with v: if r.a > 1.5 then \"${r.b}\" else strings.toUpper(v: r.c)}))\n\
            |> f() |> yield(name: \"n\")";
        let start = program.floor_char_boundary(at);
        let stop = program.floor_char_boundary(at + length).max(start);
        let mut text = program.to_owned();
        text.replace_range(start..stop, &insert);
        parse(&text);
    }
}
