//! SPDX licence expressions, as far as crates use them: `AND`, `OR`, parentheses, `WITH`, and the old slash between alternatives.

/// Whether an expression can be satisfied with allowed licences alone. `allowed` is asked for single licences, an exception included
/// (`Apache-2.0 WITH LLVM-exception`). An error names what could not be read.
pub(super) fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, next: 0, allowed };
    let verdict = parser.alternatives()?;
    match parser.peek() {
        None => Ok(verdict),
        Some(word) => Err(format!("unexpected {word} in licence expression {expression}")),
    }
}

struct Parser<'a> {
    words: &'a [&'a str],
    next: usize,
    allowed: &'a dyn Fn(&str) -> bool,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.next += usize::from(found);
        found
    }

    fn alternatives(&mut self) -> Result<bool, String> {
        let mut verdict = self.requirements()?;
        while self.take("OR") {
            verdict |= self.requirements()?;
        }
        Ok(verdict)
    }

    fn requirements(&mut self) -> Result<bool, String> {
        let mut verdict = self.licence()?;
        while self.take("AND") {
            verdict &= self.licence()?;
        }
        Ok(verdict)
    }

    fn licence(&mut self) -> Result<bool, String> {
        if self.take("(") {
            let verdict = self.alternatives()?;
            return if self.take(")") {
                Ok(verdict)
            } else {
                Err("unbalanced parenthesis in a licence expression".to_owned())
            };
        }
        let name = match self.peek() {
            None | Some("AND" | "OR" | "WITH" | ")") => {
                return Err("a licence is missing in a licence expression".to_owned());
            }
            Some(name) => name,
        };
        self.next += 1;
        if !self.take("WITH") {
            return Ok((self.allowed)(name));
        }
        let exception = self.peek().ok_or("an exception is missing in a licence expression")?;
        self.next += 1;
        Ok((self.allowed)(&format!("{name} WITH {exception}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(expression: &str) -> Result<bool, String> {
        satisfied(expression, &|name| ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].contains(&name))
    }

    #[test]
    fn one_allowed_alternative_suffices() {
        for expression in [
            "MIT",
            "GPL-3.0-only OR MIT",
            "MIT/GPL-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "(GPL-2.0 OR MIT) AND Apache-2.0",
        ] {
            assert_eq!(verdict(expression), Ok(true), "{expression}");
        }
    }

    #[test]
    fn every_requirement_must_be_allowed() {
        for expression in [
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "MIT OR BSD-3-Clause AND GPL-2.0",
            "MIT WITH odd-exception",
        ] {
            assert_eq!(verdict(expression), Ok(expression.contains(" OR ")), "{expression}");
        }
    }

    #[test]
    fn broken_expressions_are_errors() {
        for expression in ["", "MIT OR", "(MIT", "MIT MIT", "AND MIT", "MIT WITH"] {
            assert!(verdict(expression).is_err(), "{expression}");
        }
    }
}
