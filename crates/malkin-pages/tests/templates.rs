//! Rules of the templates: nothing gets around the escaping, and nothing is scripted or styled in place.

#![expect(clippy::expect_used, reason = "a test panics when a template cannot be read")]

use std::path::PathBuf;

fn templates() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("templates");
    let files = std::fs::read_dir(folder).expect("the folder of templates");
    let files = files.map(|file| file.expect("a file").path());
    files
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("a text"))
        })
        .collect()
}

#[test]
fn nothing_gets_around_the_escaping() {
    let templates = templates();
    assert!(templates.len() >= 20, "{}", templates.len());
    for (name, text) in templates {
        let squeezed: String = text.chars().filter(|character| !character.is_whitespace()).collect();
        for forbidden in
            ["|safe", "|escape(", "escape=", "javascript:", "<style", "srcdoc=", "http:", "https:"]
        {
            assert!(!squeezed.contains(forbidden), "{name} holds {forbidden}");
        }
        for (at, _) in text.match_indices(" on") {
            let word: String = text[at + 1..].chars().take_while(char::is_ascii_alphanumeric).collect();
            assert!(!text[at + 1 + word.len()..].starts_with("=\""), "{name} scripts {word}");
        }
        assert!(!text.contains(" style=\""), "{name} is styled in place");
        // Every value stands between quotes or tags: an attribute without quotes would end at a blank of the value.
        for (at, _) in text.match_indices("={{") {
            let before = text[..at].rfind([' ', '\n', '"', '>']).and_then(|at| text[at..].chars().next());
            assert!(matches!(before, Some('"' | '>')), "{name} has an attribute without quotes");
        }
    }
}

#[test]
fn every_form_that_changes_something_carries_its_token() {
    for (name, text) in templates() {
        for form in text.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap_or_default();
            if form.contains("method=\"post\"") && !form.contains("action=\"/ui/login\"") {
                assert!(form.contains("name=\"csrf\" value=\"{{ frame.csrf }}\""), "{name}: {form}");
            }
        }
    }
}

#[test]
fn tables_and_fields_can_be_read_out() {
    for (name, text) in templates() {
        for head in text.split("<th ").skip(1) {
            assert!(head.contains("scope=\""), "{name}: <th {head}");
        }
        for canvas in text.split("<canvas").skip(1) {
            assert!(canvas.contains("aria-labelledby"), "{name}");
        }
    }
}
