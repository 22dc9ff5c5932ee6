//! Colours and type of the pictures, and how a picture carries them.
//!
//! A picture by itself carries its style with the colours written out, because many viewers (librsvg, Inkscape) do not know CSS
//! variables. On a page, where inline style is forbidden, it has classes only and the page's stylesheet holds [`STYLE`] and
//! [`variables`]. Red and green are never the only sign of a difference.

use std::fmt::Write as _;

use crate::text::{MAX_SHOWN, push_cut};

/// A colour: red, green, blue.
pub type Rgb = [u8; 3];

/// Which colours a picture has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Theme {
    /// Dark on white.
    Light,
    /// Light on black.
    Dark,
    /// As the reader's system prefers.
    #[default]
    Auto,
    /// None: the page has the stylesheet.
    Page,
}

/// What pictures have in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Look {
    /// Colours.
    pub theme: Theme,
    /// What ids in the picture begin with, so that several pictures fit on a page. Other characters than letters, digits and `-`
    /// are left out.
    pub prefix: String,
}

impl Default for Look {
    fn default() -> Self {
        Self { theme: Theme::Auto, prefix: "m".to_owned() }
    }
}

impl Look {
    /// The prefix of ids, safe to put into an attribute.
    pub(crate) fn id_prefix(&self) -> String {
        self.prefix.chars().filter(|one| one.is_ascii_alphanumeric() || *one == '-').take(40).collect()
    }
}

const LIGHT: &str = "--bg:#fff;--box:#fbfcfe;--head:#e6ebf2;--line:#8a96a8;--text:#1b2430;--dim:#68758a;--code:#0b4f9e;\
    --note:#7a4b00;--true:#1a7f37;--false:#c4432b;--jump:#3b62b8;--next:#5c6675;--except:#8b3fa8;--mark:#e07b00;\
    --s1:#cfe0f5;--s2:#8fb8ea;--s3:#4a86d0;--s4:#174f96;--lib:#b9c0ca;--rare:#e8862e;";
const DARK: &str = "--bg:#12161c;--box:#1a2029;--head:#28323f;--line:#59677a;--text:#dfe6ee;--dim:#93a0b2;--code:#7db7ff;\
    --note:#e0b060;--true:#57c27a;--false:#ff8566;--jump:#82a8f5;--next:#a3afbf;--except:#cf8fe8;--mark:#ffa640;\
    --s1:#20344d;--s2:#2f5f96;--s3:#5b9ae6;--s4:#b5d6ff;--lib:#4d5663;--rare:#f29b4b;";

/// Rules for the classes of all pictures; their colours are variables.
pub const STYLE: &str = "\
.mk{background:var(--bg);font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;color:var(--text)}\
.mk text{fill:var(--text);white-space:pre}\
.mk .bg{fill:var(--bg)}\
.mk .b{fill:var(--box);stroke:var(--line)}.mk .h{fill:var(--head)}.mk .g{stroke-dasharray:5 3}.mk .fo{stroke:var(--mark);stroke-width:3}\
.mk .a{font-weight:bold}.mk .d{fill:var(--dim)}.mk .m{fill:var(--code)}.mk .n{fill:var(--note)}\
.mk .w text,.mk .w .m,.mk .w .n,.mk .w .d{fill:#111}\
.mk .e{fill:none;stroke-width:1.3;stroke-linejoin:round}.mk .k{stroke-width:2.1}\
.mk .t{stroke:var(--true)}.mk .f{stroke:var(--false)}.mk .j{stroke:var(--jump)}.mk .p{stroke:var(--next)}\
.mk .x{stroke:var(--except);stroke-dasharray:5 3}\
.mk .at{fill:var(--true)}.mk .af{fill:var(--bg);stroke:var(--false)}.mk .aj{fill:var(--jump)}.mk .ap{fill:var(--next)}.mk .ax{fill:var(--except)}\
.mk .s0{fill:var(--head)}.mk .s1{fill:var(--s1)}.mk .s2{fill:var(--s2)}.mk .s3{fill:var(--s3)}.mk .s4{fill:var(--s4)}\
.mk .lib{fill:var(--lib)}.mk .rare{fill:var(--rare)}.mk .r{fill:none;stroke:var(--line)}.mk .c{text-anchor:middle}.mk .z{text-anchor:end}\
.mk .on{fill:#fff}.mk a{cursor:pointer}";

/// The variables of light and dark, for a page's stylesheet.
pub fn variables() -> String {
    format!(".mk{{{LIGHT}}}@media(prefers-color-scheme:dark){{.mk{{{DARK}}}}}")
}

/// [`STYLE`] with the colours of a palette in the place of its variables.
fn rules(palette: &str) -> String {
    let colour = |name: &str| {
        let mut pairs = palette.split(';').filter_map(|one| one.split_once(':'));
        pairs.find(|(found, _)| *found == name).map_or("none", |(_, value)| value)
    };
    let mut parts = STYLE.split("var(");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(')').unwrap_or((part, ""));
        out.push_str(colour(name));
        out.push_str(rest);
    }
    out
}

/// Opens a picture: its size in pixels, its title, a description in words, its style, its background.
pub(crate) fn open(out: &mut String, look: &Look, (width, height): (i64, i64), title: &str, words: &str) {
    let prefix = look.id_prefix();
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"mk\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{prefix}-title {prefix}-desc\" xml:space=\"preserve\">\
         <title id=\"{prefix}-title\">"
    );
    push_cut(out, title, MAX_SHOWN);
    let _ = write!(out, "</title><desc id=\"{prefix}-desc\">");
    push_cut(out, words, 2 * MAX_SHOWN);
    out.push_str("</desc>");
    let style = match look.theme {
        Theme::Page => String::new(),
        Theme::Light => rules(LIGHT),
        Theme::Dark => rules(DARK),
        Theme::Auto => format!("{}@media(prefers-color-scheme:dark){{{}}}", rules(LIGHT), rules(DARK)),
    };
    if look.theme != Theme::Page {
        let _ = write!(out, "<style>{style}</style>");
    }
    out.push_str("<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_palettes_have_every_colour_of_the_style() {
        let names = STYLE.split("var(").skip(1).filter_map(|part| part.split_once(')')).map(|(name, _)| name);
        for name in names {
            for palette in [LIGHT, DARK] {
                let is_there =
                    palette.split(';').any(|one| one.split_once(':').is_some_and(|(found, _)| found == name));
                assert!(is_there, "{name}");
            }
        }
        assert!(!rules(LIGHT).contains("var(") && rules(DARK).contains("#12161c"));
    }
}
