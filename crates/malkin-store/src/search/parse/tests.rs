//! The grammar by examples that the reference was asked for, and by random queries written down and read back.

//! The parser against the rules of the query language, case by case.

use proptest::prelude::*;

use super::*;

fn term(text: &str) -> Expression {
    Expression::Term(text.to_owned())
}

fn condition(field: &str, operator: Operator, value: &str) -> Expression {
    Expression::Condition { field: field.to_owned(), operator, value: value.to_owned() }
}

fn not(inner: Expression) -> Expression {
    Expression::Not(Box::new(inner))
}

fn and<const N: usize>(parts: [Expression; N]) -> Expression {
    Expression::And(parts.into())
}

fn or<const N: usize>(parts: [Expression; N]) -> Expression {
    Expression::Or(parts.into())
}

/// Each found out by asking the reference.
#[test]
fn words_of_the_language_are_words_where_they_do_not_help() {
    for (text, expected) in [
        ("a", term("a")),
        ("a b", and([term("a"), term("b")])),
        ("a and b", and([term("a"), term("and"), term("b")])),
        ("a OR b c", or([term("a"), and([term("b"), term("c")])])),
        ("a OR b NOT c", or([term("a"), and([term("b"), not(term("c"))])])),
        ("AND", term("AND")),
        ("NOT", term("NOT")),
        ("NOT NOT", not(term("NOT"))),
        ("NOT NOT a", not(not(term("a")))),
        ("AND a", and([term("AND"), term("a")])),
        ("a NOT", and([term("a"), term("NOT")])),
        ("OR abc", and([term("OR"), term("abc")])),
        ("a AND AND b", and([term("a"), term("AND"), term("b")])),
        ("a OR AND b", or([term("a"), and([term("AND"), term("b")])])),
        ("a AND OR b", and([term("a"), term("OR"), term("b")])),
        ("NOT AND", not(term("AND"))),
        ("(a)b", and([term("a"), term("b")])),
        ("a AND(b)", and([term("a"), term("b")])),
        ("a AND\"b\"", and([term("a"), term("b")])),
        ("a AND.b", and([term("a"), term(".b")])),
        ("NOTa", term("NOTa")),
        ("NOT$a", term("NOT$a")),
        ("NOT\u{e4}", not(term("\u{e4}"))),
        ("NOT:a", not(term(":a"))),
        ("NOT(a)", not(term("a"))),
        ("aAND b", and([term("aAND"), term("b")])),
        ("a NOT ANDb", and([term("a"), not(term("ANDb"))])),
        ("a OR ORb", or([term("a"), term("ORb")])),
        ("((a))", term("a")),
        ("\u{3000}", term("\u{3000}")),
    ] {
        assert_eq!(parse(text), Ok(Some(expected)), "{text}");
    }
}

#[test]
fn conditions_take_the_longest_operator_that_leaves_a_value() {
    use Operator::{Equal, Greater, GreaterOrEqual, LessOrEqual, NotEqual};
    for (text, expected) in [
        ("a:b", condition("a", Equal, "b")),
        ("a:b:c", condition("a", Equal, "b:c")),
        ("a.b_1:>=0x2", condition("a.b_1", GreaterOrEqual, "0x2")),
        ("a:=", condition("a", Equal, "=")),
        ("a:==", condition("a", Equal, "=")),
        ("a:<==", condition("a", LessOrEqual, "=")),
        ("a:>=", condition("a", Equal, ">=")),
        ("a:!", condition("a", Equal, "!")),
        ("a:!=x", condition("a", NotEqual, "x")),
        ("a:>\"b c\"", condition("a", Greater, "b c")),
        ("a:\"\"", condition("a", Equal, "")),
        ("a:\"x", condition("a", Equal, "\"x")),
        ("a:\"x\"y", and([condition("a", Equal, "x"), term("y")])),
        ("a:", term("a:")),
        ("a: b", and([term("a:"), term("b")])),
        (":a", term(":a")),
        ("1:2", term("1:2")),
        ("a-b:c", term("a-b:c")),
        ("\u{3b1}:c", term("\u{3b1}:c")),
        ("\u{e4}\u{b7}:c", condition("\u{e4}\u{b7}", Equal, "c")),
        ("a:(b)", and([term("a:"), term("b")])),
        ("a:=(b)", and([condition("a", Equal, "="), term("b")])),
        ("AND:!=1", condition("AND", NotEqual, "1")),
    ] {
        assert_eq!(parse(text), Ok(Some(expected)), "{text}");
    }
}

#[test]
fn quotes_hold_blanks_and_escapes_on_one_line() {
    for (text, expected) in [
        (r#""a b""#, term("a b")),
        (r"'a b'", term("a b")),
        (r#""a'b""#, term("a'b")),
        (r#""a\"b""#, term("a\"b")),
        (r#""a\\b""#, term("a\\b")),
        (r#""a\b""#, term("ab")),
        (r#""a\nb""#, term("a\nb")),
        (r#""\0\03\73\x41\x32\u14""#, term("\u{0}0373x412\u{14}")),
        (r#""""#, term("")),
        (r#"a"b""#, term("a\"b\"")),
        (r#""a"#, term("\"a")),
        (r#""a"b"#, and([term("a"), term("b")])),
        (r#""a""b""#, and([term("a"), term("b")])),
        ("\"a\nb\"", and([term("\"a"), term("b\"")])),
        ("\"a\tb\"", term("a      b")),
        (r#"(")")"#, term(")")),
    ] {
        assert_eq!(parse(text), Ok(Some(expected)), "{text}");
    }
}

#[test]
fn what_is_no_query_is_refused() {
    for text in [
        "(abc", "abc)", "()", "abc AND", "a OR", "AND AND", "AND OR", "OR AND", "(a AND)", "a ANDb", "a ORb",
        "a(", "a:b(c", "a AND_b", "a\u{b}b", "\u{c}x", "(", ")", "NOT (", "((((((",
    ] {
        assert!(matches!(parse(text), Err(ParseError::Expected { .. })), "{text}");
    }
    assert_eq!(parse("(\u{e4}").unwrap_err().to_string(), "expected ')' at character 2");
    for text in ["", " ", "\t\r\n", "\u{b}\u{c}"] {
        assert_eq!(parse(text), Ok(None), "{text:?}");
    }
    for text in ["(".repeat(5000), "NOT ".repeat(4000), "a ".repeat(300), "x".repeat(MAX_QUERY + 1)] {
        assert!(matches!(parse(&text), Err(ParseError::TooLarge { .. })));
    }
}

pub(crate) fn expression() -> impl Strategy<Value = Expression> {
    let text =
        prop_oneof![4 => "[a-cA-C]{0,3}", 2 => "\\PC{0,6}", 1 => "[\\x00-\\x7f]{0,6}", 1 => "AND|OR|NOT"];
    let operator = prop::sample::select(Operator::ALL.to_vec());
    let leaf = prop_oneof![
        text.clone().prop_map(Expression::Term),
        ("[a-zA-Z_\u{e4}][a-z0-9_.]{0,5}", operator, text)
            .prop_map(|(field, operator, value)| Expression::Condition { field, operator, value }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(not),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::And),
            prop::collection::vec(inner, 2..4).prop_map(Expression::Or),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(expression in expression()) {
        prop_assert_eq!(parse(&expression.to_string()), Ok(Some(expression)));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(\\PC|[ \t\n()\"'\\\\:<>=!?]|AND|OR|NOT){0,40}") {
        if let Ok(Some(expression)) = parse(&text) {
            prop_assert_eq!(parse(&expression.to_string()), Ok(Some(expression)));
        }
    }
}
