//! Help and shell completions, made from the definitions.

use super::args::{Definition, Flag, Operands};
use super::{COMMANDS, groups};
use std::fmt::Write;

pub fn of(definition: &Definition) -> String {
    let mut text = format!("{}\n\nUsage: influxd {}", definition.about, definition.name);
    let operand = match definition.operands {
        Operands::None => String::new(),
        Operands::One(name) => format!(" {name}"),
        Operands::Optional(name) => format!(" [{name}]"),
        Operands::Many(name) => format!(" [{name}...]"),
    };
    let _ = writeln!(text, "{operand} [FLAGS]");
    if !definition.details.is_empty() {
        let _ = writeln!(text, "\n{}", definition.details);
    }
    if !definition.flags.is_empty() {
        text.push_str("\nFlags:\n");
        flags(&mut text, definition.flags);
    }
    if definition.remote {
        text.push_str("\nWhere and who:\n");
        flags(&mut text, super::args::REMOTE);
    }
    if !definition.examples.is_empty() {
        text.push_str("\nExamples:\n");
        for example in definition.examples {
            let _ = writeln!(text, "  {example}");
        }
    }
    text
}

/// What is said of `influxd bucket` alone.
pub fn of_group(group: &str) -> String {
    let mut text = format!("Usage: influxd {group} COMMAND [FLAGS]\n\nCommands:\n");
    for definition in COMMANDS {
        if let Some((first, _)) = definition.name.split_once(' ')
            && first == group
        {
            let _ = writeln!(text, "  {:<20}{}", definition.name, definition.about);
        }
    }
    let _ = writeln!(text, "\n`influxd {group} COMMAND --help` says more.");
    text
}

fn flags(text: &mut String, flags: &[Flag]) {
    for flag in flags {
        let left = match flag.value {
            "" => format!("--{}", flag.name),
            value => format!("--{} {value}", flag.name),
        };
        let _ = writeln!(text, "  {left:<26}{}", flag.help);
    }
}

/// Commands, and what may follow each: subcommands or flags.
fn words() -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    for group in groups() {
        let inner = COMMANDS.iter().filter_map(|definition| {
            let (first, second) = definition.name.split_once(' ')?;
            (first == group).then(|| second.to_owned())
        });
        all.push((group.to_owned(), inner.collect()));
    }
    for definition in COMMANDS {
        let flags = definition
            .all_flags()
            .map(|flag| format!("--{}", flag.name));
        let flags = flags.chain(["--help".to_owned()]);
        all.push((definition.name.to_owned(), flags.collect()));
    }
    let run = influxd::config::options::OPTIONS.iter();
    let run = run.map(|option| format!("--{}", option.flag()));
    let run: Vec<String> = run
        .chain(["--config", "--dev"].map(str::to_owned))
        .collect();
    for (name, ..) in influxd::config::arguments::COMMANDS {
        all.push(((*name).to_owned(), run.clone()));
    }
    all
}

fn first_words() -> Vec<String> {
    let mut first: Vec<String> = words()
        .into_iter()
        .filter(|(name, _)| !name.contains(' '))
        .map(|(name, _)| name)
        .collect();
    first.sort();
    first.dedup();
    first
}

pub fn bash() -> String {
    let mut text = String::from(
        "# bash completion for influxd\n_influxd() {\n  \
         local current=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n  \
         if [ \"$COMP_CWORD\" -eq 1 ]; then\n",
    );
    let _ = writeln!(text, "    words=\"{}\"", first_words().join(" "));
    text.push_str("  else\n    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n");
    let mut all = words();
    // The more exact patterns first.
    all.sort_by_key(|(name, _)| !name.contains(' '));
    for (name, after) in all {
        let pattern = match name.contains(' ') {
            true => format!("\"{name}\""),
            false => format!("\"{name} \"*"),
        };
        let _ = writeln!(text, "      {pattern}) words=\"{}\" ;;", after.join(" "));
    }
    text.push_str(
        "    esac\n  fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}\n\
         complete -o default -F _influxd influxd\n",
    );
    text
}

pub fn zsh() -> String {
    let bash = bash();
    let (_, body) = bash.split_once('\n').unwrap_or_default();
    format!("#compdef influxd\nautoload -U +X bashcompinit && bashcompinit\n{body}")
}

pub fn fish() -> String {
    let mut text = String::from("# fish completion for influxd\n");
    let _ = writeln!(
        text,
        "complete -c influxd -n __fish_use_subcommand -f -a '{}'",
        first_words().join(" ")
    );
    for (name, after) in words() {
        let seen: Vec<String> = name
            .split(' ')
            .map(|word| format!("__fish_seen_subcommand_from {word}"))
            .collect();
        let condition = seen.join("; and ");
        for word in after {
            let offered = match word.strip_prefix("--") {
                Some(flag) => format!("-l {flag}"),
                None => format!("-f -a {word}"),
            };
            let _ = writeln!(text, "complete -c influxd -n '{condition}' {offered}");
        }
    }
    text
}
