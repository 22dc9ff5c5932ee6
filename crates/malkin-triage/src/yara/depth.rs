//! A bound on how deep conditions of rules can be nested, before a compiler sees them.
//!
//! boreal 1.4 counts parentheses and refuses too many, but `not not not ...` and `1 + 1 + 1 + ...` cost it a stack frame for
//! each operator: a rule of 800 kB ended the whole process. Here the operators of one operand are counted in the text, which
//! needs no more than knowing where strings, regular expressions and comments are.

use super::text::tokens;

/// Words and signs that one operand of `and`, `or` or an element of a list may have: more than a person writes, and few enough
/// for a stack of 2 MiB in a development build (tested below).
const MAX_OPERAND: usize = 250;

/// The line, from 1, of the first operand that is too long.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let mut length = 0;
    for (start, token) in tokens(text) {
        // What ends an operand, a string or a rule.
        let ends = matches!(token, b"=" | b"and" | b"or" | b"," | b"}" | b"{");
        length = if ends { 0 } else { length + 1 };
        if length > MAX_OPERAND {
            return Some(text.as_bytes()[..start].split(|byte| *byte == b'\n').count());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Rules;
    use super::*;

    fn rule(condition: &str) -> String {
        format!("rule a {{ strings: $a = \"abc\" $b = {{ 00 }} condition: {condition} }}")
    }

    #[test]
    fn usual_rules_are_taken() {
        let flat = vec!["$a"; 5000];
        let hex = "00 ".repeat(3000);
        for text in [
            rule(&flat.join(" or ")),
            rule(&format!("any of ({})", flat.join(", "))),
            rule(&flat.join(" and ")),
            format!(
                "rule a {{ strings: $a = {{ {hex} }} $b = /a\\/{hex}/ $c = \"\\\"{hex}\" condition: any of them }}"
            ),
            format!("rule a {{ /* {hex} */ condition: true // {hex}\n }}"),
            "rule a { condition: true }\n".repeat(500),
        ] {
            assert_eq!(too_deep(&text), None, "{text:.80}");
        }
    }

    #[test]
    fn deep_conditions_are_refused_before_they_are_compiled() {
        let many = |text: &str| text.repeat(200_000);
        for condition in [
            many("not ") + "true",
            many("defined ") + "true",
            many("- ") + "1 == 1",
            many("~ ") + "1 == 1",
            many("1 + ") + "1 == 1",
            many("1 \\ ") + "1 == 1",
            many("1 == ") + "1",
            many("1 <= ") + "1",
            many("1 | ") + "1 == 1",
            many("uint8(") + "1",
            many("a[0]."),
        ] {
            let text = format!("// first\n{}", rule(&condition));
            assert_eq!(too_deep(&text), Some(2), "{text:.90}");
            let rules = Rules::compile([("x".to_owned(), text)], Duration::from_secs(5));
            assert_eq!(rules.files, 0);
        }
    }

    /// What boreal skips or ends elsewhere than one might think must not hide what follows.
    #[test]
    fn nothing_hides_a_deep_condition() {
        let deep = "not ".repeat(200_000) + "true";
        let hidden = |string: &str| format!("rule a {{ strings: {string} condition: {deep} }}");
        for text in [
            hidden("$a = { 00 /* } \" */ 11 }"),
            hidden("$a = { 00 // } \"\n 11 }"),
            hidden("$a = /* { */ { 00 11 }"),
            hidden("$a = /a\\//"),
            hidden("$a = /[\"]/"),
            hidden("$a = \"\\\\\""),
            format!("import \"pe\\\" rule a {{ condition: {deep} }}"),
            format!("include \"x\\\" rule a {{ condition: {deep} }}"),
            format!("import /* \" */ \"pe\\\" rule a {{ condition: {deep} }}"),
        ] {
            assert!(too_deep(&text).is_some(), "{text:.60}");
        }
        // A class ends at a slash, for boreal with an error before it gets any further.
        let broken = hidden("$a = /[/*]/");
        assert_eq!(too_deep(&broken), None);
        assert_eq!(Rules::compile([("x".to_owned(), broken)], Duration::from_secs(5)).files, 0);
    }

    #[test]
    fn deep_strings_do_not_end_the_process() {
        for string in [
            format!("{{ 00 {} 11 }}", "(".repeat(200_000)),
            format!("{{ 00 {} 11 {} }}", "(11|22 ".repeat(5_000), ")".repeat(5_000)),
            format!("/{}a/", "(".repeat(200_000)),
            format!("/{}a{}/", "(".repeat(200_000), ")".repeat(200_000)),
            format!("/{}a{}/", "(a|".repeat(20_000), ")".repeat(20_000)),
            format!("/a{}/", "*".repeat(200_000)),
            format!("/a{}/", "{1}".repeat(200_000)),
            format!("/{}/", "a|".repeat(200_000)),
        ] {
            let text = format!("rule a {{ strings: $a = {string} condition: $a }}");
            let rules = Rules::compile([("x".to_owned(), text)], Duration::from_secs(5));
            rules.scan(b"abc");
        }
    }

    #[test]
    fn what_is_taken_does_not_end_the_process() {
        let deep = |text: &str| text.repeat(MAX_OPERAND - 10);
        let long = |text: &str| text.repeat(50_000);
        for condition in [
            deep("not ") + "true",
            deep("defined ") + "true",
            "1 + ".repeat(MAX_OPERAND / 2 - 5) + "1 == 1",
            "1 == ".repeat(MAX_OPERAND / 2 - 5) + "1",
            deep("- ") + "1 == 1",
            "(".repeat(MAX_OPERAND - 10) + "true" + &")".repeat(MAX_OPERAND - 10),
            long("true and (") + "true",
            long("f(1, "),
            long("a.b."),
            long("for any i in (1, ") + "2) : (true)",
            long("true or not ") + "true",
            long("true and true or ") + "true",
        ] {
            let rules = Rules::compile([("x".to_owned(), rule(&condition))], Duration::from_secs(5));
            rules.scan(b"abc");
        }
    }
}
